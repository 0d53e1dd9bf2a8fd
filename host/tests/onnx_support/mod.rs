//! Fixtures: names, models, tensors.

use std::path::{Path, PathBuf};

use crumb::network::{Network, Tensor, TensorData};

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

pub fn fixture_names() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(fixture(""))
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".onnx")?.to_string()))
        .collect();
    names.sort();
    names
}

pub fn fixture_bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixture(&format!("{name}.onnx"))).unwrap()
}

pub fn import_fixture(name: &str) -> Network {
    crumb::onnx::import(&fixture_bytes(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub fn read_tensor(name: &str) -> Tensor {
    read_npy(&fixture(name))
}

pub fn read_npy(path: &Path) -> Tensor {
    let bytes = std::fs::read(path).unwrap();
    let npy = npyz::NpyFile::new(&bytes[..]).unwrap();
    assert_eq!(npy.order(), npyz::Order::C);
    let shape = npy.shape().iter().map(|&size| size as usize).collect();
    let data = match npy.dtype().descr().trim_matches('\'') {
        "<f4" => TensorData::F32(npy.into_vec().unwrap()),
        "|i1" => TensorData::I8(npy.into_vec().unwrap()),
        "|u1" => TensorData::U8(npy.into_vec().unwrap()),
        "<i8" => TensorData::I64(npy.into_vec().unwrap()),
        other => panic!("{}: {other}", path.display()),
    };
    Tensor::new(shape, data).unwrap()
}

fn bits(tensor: &Tensor) -> Vec<i64> {
    match tensor.floats() {
        Some(values) => values.iter().map(|value| i64::from(value.to_bits())).collect(),
        None => tensor.ints().unwrap().into_iter().map(i64::from).collect(),
    }
}

pub fn same_bits(a: &Tensor, b: &Tensor) -> bool {
    a.dtype() == b.dtype() && bits(a) == bits(b)
}

pub fn differences(a: &Tensor, b: &Tensor) -> usize {
    bits(a).iter().zip(bits(b)).filter(|(a, b)| **a != *b).count()
}
