//! Tensors stored in the file: `TensorProto` to [`Tensor`], from raw bytes or typed fields.
//!
//! Memory is bounded by the file: the number of elements is compared with the data before anything is converted.

use super::error::{ImportError, Refusal};
use super::proto::TensorProto;
use crate::network::{DType, Tensor, TensorData};

const EXTERNAL: i32 = 1;

/// ONNX's name of a `TensorProto.DataType`.
pub(crate) fn type_name(code: i32) -> String {
    const NAMES: [&str; 27] = [
        "undefined",
        "float32",
        "uint8",
        "int8",
        "uint16",
        "int16",
        "int32",
        "int64",
        "string",
        "bool",
        "float16",
        "float64",
        "uint32",
        "uint64",
        "complex64",
        "complex128",
        "bfloat16",
        "float8e4m3fn",
        "float8e4m3fnuz",
        "float8e5m2",
        "float8e5m2fnuz",
        "uint4",
        "int4",
        "float4e2m1",
        "float8e8m0",
        "uint2",
        "int2",
    ];
    let name = usize::try_from(code).ok().and_then(|index| NAMES.get(index));
    name.map_or_else(|| format!("element type {code}"), ToString::to_string)
}

/// Element type of a `TensorProto.DataType`, if it is one of ours.
pub(crate) fn dtype(code: i32) -> Option<DType> {
    match code {
        1 => Some(DType::F32),
        2 => Some(DType::U8),
        3 => Some(DType::I8),
        6 => Some(DType::I32),
        7 => Some(DType::I64),
        _ => None,
    }
}

/// Reads a stored tensor.
pub(crate) fn read(proto: &TensorProto) -> Result<Tensor, ImportError> {
    convert(proto).map_err(|refusal| refusal.of_tensor(&proto.name))
}

/// The same, for tensors that stand in an attribute.
pub(crate) fn convert(proto: &TensorProto) -> Result<Tensor, Refusal> {
    if proto.data_location == EXTERNAL || !proto.external_data.is_empty() {
        return Err(Refusal::new(
            "data in another file",
            "data inside the .onnx file",
            "save the model as one file: onnx.save(onnx.load(path), path, save_as_external_data=False)",
        ));
    }
    let Some(dtype) = dtype(proto.data_type) else {
        return Err(Refusal::new(
            format!("{} elements", type_name(proto.data_type)),
            "float32, int8, uint8, int32 and int64",
            "quantize the model with int8 weights and int8 or uint8 activations",
        ));
    };
    let shape: Option<Vec<usize>> = proto.dims.iter().map(|&dim| usize::try_from(dim).ok()).collect();
    let Some(shape) = shape else {
        return Err(Refusal::new(
            format!("dimensions {:?}", proto.dims),
            "dimensions of zero and more",
            "export the model again; the file is damaged",
        ));
    };
    let data = if proto.raw_data.is_empty() { typed(proto, dtype)? } else { raw(&proto.raw_data, dtype)? };
    let length = data.len();
    Tensor::new(shape, data).map_err(|_| {
        Refusal::new(
            format!("{length} elements of data for dimensions {:?}", proto.dims),
            "as many elements as the dimensions say",
            "export the model again; the file is damaged",
        )
    })
}

/// Little-endian, as the format requires on every machine.
fn raw(bytes: &[u8], dtype: DType) -> Result<TensorData, Refusal> {
    let partial = |size: usize| {
        Refusal::new(
            format!("{} bytes of {dtype} data", bytes.len()),
            format!("a multiple of {size} bytes"),
            "export the model again; the file is damaged",
        )
    };
    Ok(match dtype {
        DType::I8 => TensorData::I8(bytes.iter().map(|&byte| byte as i8).collect()),
        DType::U8 => TensorData::U8(bytes.to_vec()),
        DType::F32 => TensorData::F32(words(bytes, f32::from_le_bytes).ok_or_else(|| partial(4))?),
        DType::I32 => TensorData::I32(words(bytes, i32::from_le_bytes).ok_or_else(|| partial(4))?),
        DType::I64 => TensorData::I64(words(bytes, i64::from_le_bytes).ok_or_else(|| partial(8))?),
    })
}

fn words<T, const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Option<Vec<T>> {
    let (words, rest) = bytes.as_chunks::<N>();
    rest.is_empty().then(|| words.iter().map(|&word| read(word)).collect())
}

fn typed(proto: &TensorProto, dtype: DType) -> Result<TensorData, Refusal> {
    let out_of_range = |value: i32| {
        Refusal::new(
            format!("{value} in {dtype} data"),
            format!("values of {dtype}"),
            "export the model again; the file is damaged",
        )
    };
    let bytes = &proto.int32_data;
    Ok(match dtype {
        DType::F32 => TensorData::F32(proto.float_data.clone()),
        DType::I32 => TensorData::I32(bytes.clone()),
        DType::I64 => TensorData::I64(proto.int64_data.clone()),
        DType::I8 => {
            let read = |&value: &i32| i8::try_from(value).map_err(|_| out_of_range(value));
            TensorData::I8(bytes.iter().map(read).collect::<Result<_, _>>()?)
        }
        DType::U8 => {
            let read = |&value: &i32| u8::try_from(value).map_err(|_| out_of_range(value));
            TensorData::U8(bytes.iter().map(read).collect::<Result<_, _>>()?)
        }
    })
}
