//! Tensors stored in the file: `TensorProto` to [`Constant`], from raw bytes or typed fields.
//!
//! 4- and 2-bit integers are packed in the file, low element first; here each is a byte of its own.
//!
//! Memory is bounded by the file: the number of elements is compared with the data before anything is converted.

use std::sync::Arc;

use super::error::{ImportError, Refusal};
use super::proto::TensorProto;
use crate::network::{DType, MAX_RANK, Tensor, TensorData};

const EXTERNAL: i32 = 1;
/// `TensorProto.DataType` of half precision, which scales may have.
const FLOAT16: i32 = 10;

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

/// What to do about a constant of a type that is not read.
fn way_out(code: i32) -> &'static str {
    match code {
        8 => "export the part that works on numbers, and look strings up outside the model",
        9 => "export the model in inference mode, without masks and conditions",
        11 | 14..=16 => "export the model in float32",
        4 | 5 | 17..=20 | 23 | 24 => "quantize the model with int8 weights and int8 or uint8 activations",
        _ => "export the model with constants of these types",
    }
}

/// A constant of the file.
#[derive(Debug, Clone)]
pub(crate) struct Constant {
    /// Its elements; integers narrower than a byte each in one.
    pub tensor: Arc<Tensor>,
    /// Width of integers in the file: 4 and 2 for the types of that name, 8 for all others.
    pub bits: u8,
}

impl Constant {
    /// A constant whose type is that of its elements.
    pub fn of(tensor: Tensor) -> Self {
        Self { tensor: Arc::new(tensor), bits: 8 }
    }
}

/// Byte type and width of a `TensorProto.DataType` that is packed.
pub(crate) fn packed(code: i32) -> Option<(DType, u8)> {
    match code {
        21 => Some((DType::U8, 4)),
        22 => Some((DType::I8, 4)),
        25 => Some((DType::U8, 2)),
        26 => Some((DType::I8, 2)),
        _ => None,
    }
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
pub(crate) fn read(proto: &TensorProto) -> Result<Constant, ImportError> {
    convert(proto).map_err(|refusal| refusal.of_tensor(&proto.name))
}

/// The same, for tensors that stand in an attribute.
pub(crate) fn convert(proto: &TensorProto) -> Result<Constant, Refusal> {
    if proto.data_location == EXTERNAL || !proto.external_data.is_empty() {
        return Err(Refusal::new(
            "data in another file",
            "data inside the .onnx file",
            "save the model as one file: onnx.save(onnx.load(path), path, save_as_external_data=False)",
        ));
    }
    let packed = packed(proto.data_type);
    let half_as_float = (proto.data_type == FLOAT16).then_some(DType::F32);
    let Some(dtype) = packed.map(|(dtype, _)| dtype).or(half_as_float).or_else(|| dtype(proto.data_type)) else {
        return Err(Refusal::new(
            format!("{} elements", type_name(proto.data_type)),
            "float32, float16, int8, uint8, int4, uint4, int2, uint2, int32 and int64",
            way_out(proto.data_type),
        ));
    };
    let shape: Option<Vec<usize>> = proto.dims.iter().map(|&dim| usize::try_from(dim).ok()).collect();
    if proto.dims.len() > MAX_RANK {
        let found = format!("{} dimensions", proto.dims.len());
        return Err(Refusal::new(found, format!("up to {MAX_RANK}"), "reshape the constant"));
    }
    // Sizes beside a zero must be meant too: no product of some of them may overflow.
    let meant =
        |shape: &Vec<usize>| shape.iter().filter(|&&size| size != 0).try_fold(1usize, |n, &size| n.checked_mul(size)).is_some();
    let Some(shape) = shape.filter(meant) else {
        return Err(Refusal::new(
            format!("dimensions {:?}", proto.dims),
            "dimensions of zero and more, whose product fits 64 bits",
            "export the model again; the file is damaged",
        ));
    };
    if proto.data_type == FLOAT16 {
        return Ok(Constant::of(half(proto, shape)?));
    }
    let bits = packed.map_or(8, |(_, bits)| bits);
    let data = match packed {
        Some((dtype, bits)) => unpack(proto, dtype, bits, &shape)?,
        None if proto.raw_data.is_empty() => typed(proto, dtype)?,
        None => raw(&proto.raw_data, dtype)?,
    };
    let length = data.len();
    Tensor::new(shape, data).map(|tensor| Constant { tensor: Arc::new(tensor), bits }).map_err(|_| {
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

/// Half precision, exactly as float32: raw, or one number's bits in each of `int32_data`.
fn half(proto: &TensorProto, shape: Vec<usize>) -> Result<Tensor, Refusal> {
    let damaged = || {
        let found = format!("float16 data that does not fit dimensions {:?}", proto.dims);
        Refusal::new(found, "two bytes for each element", "export the model again; the file is damaged")
    };
    let halves: Option<Vec<u16>> = if proto.raw_data.is_empty() {
        proto.int32_data.iter().map(|&bits| u16::try_from(bits).ok()).collect()
    } else {
        words(&proto.raw_data, u16::from_le_bytes)
    };
    let floats = halves.ok_or_else(damaged)?.into_iter().map(|bits| half::f16::from_bits(bits).to_f32()).collect();
    Tensor::new(shape, TensorData::F32(floats)).map_err(|_| damaged())
}

/// Packed integers, low bits first: in `raw_data`, or one byte in each of `int32_data`.
fn unpack(proto: &TensorProto, dtype: DType, bits: u8, shape: &[usize]) -> Result<TensorData, Refusal> {
    let damaged =
        |found: String, supported: String| Refusal::new(found, supported, "export the model again; the file is damaged");
    let bytes = if proto.raw_data.is_empty() {
        let byte = |&value: &i32| u8::try_from(value).or_else(|_| i8::try_from(value).map(|value| value as u8));
        let bytes: Result<Vec<u8>, _> = proto.int32_data.iter().map(byte).collect();
        bytes.map_err(|_| damaged(format!("a value beyond a byte in {bits}-bit data"), "bytes of packed integers".into()))?
    } else {
        proto.raw_data.clone()
    };
    let per_byte = usize::from(8 / bits);
    let elements = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    let Some(elements) = elements.filter(|elements| elements.div_ceil(per_byte) == bytes.len()) else {
        let found = format!("{} bytes of packed {bits}-bit integers for dimensions {:?}", bytes.len(), proto.dims);
        return Err(damaged(found, format!("{per_byte} integers a byte, as many as the dimensions say")));
    };
    let integers = bytes.iter().flat_map(|&byte| (0..per_byte).map(move |at| byte >> (at * usize::from(bits)))).take(elements);
    let top = 8 - bits;
    Ok(match dtype {
        // Shifted up and down again: the upper bits of a byte become copies of the sign, or zero.
        DType::I8 => TensorData::I8(integers.map(|value| ((value << top) as i8) >> top).collect()),
        _ => TensorData::U8(integers.map(|value| (value << top) >> top).collect()),
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
