//! Tensors: a shape and row-major elements of one of five types.

use super::NetworkError;

/// Element type of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    /// 32-bit IEEE float.
    F32,
    /// Signed byte.
    I8,
    /// Unsigned byte.
    U8,
    /// Signed 32-bit integer: biases and accumulators.
    I32,
    /// Signed 64-bit integer: shapes and axes, never activations.
    I64,
}

impl DType {
    /// ONNX's name of the type.
    pub fn name(self) -> &'static str {
        match self {
            DType::F32 => "float32",
            DType::I8 => "int8",
            DType::U8 => "uint8",
            DType::I32 => "int32",
            DType::I64 => "int64",
        }
    }

    /// True for the two types an activation on the array can have.
    pub fn is_byte(self) -> bool {
        matches!(self, DType::I8 | DType::U8)
    }

    /// Smallest and largest value of a `bits`-wide integer with this type's signedness (`bits` 1 to 8 for bytes).
    pub fn range(self, bits: u8) -> (i32, i32) {
        let bits = u32::from(bits.clamp(1, 8));
        match self {
            DType::U8 => (0, (1 << bits) - 1),
            DType::I8 => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
            _ => (i32::MIN, i32::MAX),
        }
    }
}

impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Elements of a tensor.
#[derive(Debug, Clone, PartialEq)]
pub enum TensorData {
    /// float32.
    F32(Vec<f32>),
    /// int8.
    I8(Vec<i8>),
    /// uint8.
    U8(Vec<u8>),
    /// int32.
    I32(Vec<i32>),
    /// int64.
    I64(Vec<i64>),
}

impl TensorData {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            TensorData::F32(v) => v.len(),
            TensorData::I8(v) => v.len(),
            TensorData::U8(v) => v.len(),
            TensorData::I32(v) => v.len(),
            TensorData::I64(v) => v.len(),
        }
    }

    /// True without elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        match self {
            TensorData::F32(_) => DType::F32,
            TensorData::I8(_) => DType::I8,
            TensorData::U8(_) => DType::U8,
            TensorData::I32(_) => DType::I32,
            TensorData::I64(_) => DType::I64,
        }
    }

    /// Whether both have the same type and the same bits: NaN equals itself, and -0.0 is not 0.0.
    pub fn same_bits(&self, other: &Self) -> bool {
        match (self, other) {
            (TensorData::F32(a), TensorData::F32(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
            }
            _ => self == other,
        }
    }

    /// Collects integers that are known to lie in the type's range (they saturate if not); `None` for float32.
    pub fn from_ints(dtype: DType, values: impl Iterator<Item = i32>) -> Option<Self> {
        Some(match dtype {
            DType::I8 => TensorData::I8(values.map(|v| v.clamp(-128, 127) as i8).collect()),
            DType::U8 => TensorData::U8(values.map(|v| v.clamp(0, 255) as u8).collect()),
            DType::I32 => TensorData::I32(values.collect()),
            DType::I64 => TensorData::I64(values.map(i64::from).collect()),
            DType::F32 => return None,
        })
    }
}

/// A shape and its elements, row-major. Activations of convolutions are `[batch, channels, height, width]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: TensorData,
}

impl Tensor {
    /// A tensor from its parts.
    ///
    /// # Errors
    /// [`NetworkError::TensorSize`] when the shape does not have as many elements as there are.
    pub fn new(shape: Vec<usize>, data: TensorData) -> Result<Self, NetworkError> {
        let expected = shape.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
        if expected != Some(data.len()) {
            return Err(NetworkError::TensorSize { shape, elements: data.len() });
        }
        Ok(Self { shape, data })
    }

    /// Dimensions, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Elements, row-major.
    pub fn data(&self) -> &TensorData {
        &self.data
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        self.data.dtype()
    }

    /// Elements when they are float32.
    pub fn floats(&self) -> Option<&[f32]> {
        match &self.data {
            TensorData::F32(values) => Some(values),
            _ => None,
        }
    }

    /// Elements widened to int32, when they are int8, uint8 or int32.
    pub fn ints(&self) -> Option<Vec<i32>> {
        Some(match &self.data {
            TensorData::I8(values) => values.iter().map(|&v| i32::from(v)).collect(),
            TensorData::U8(values) => values.iter().map(|&v| i32::from(v)).collect(),
            TensorData::I32(values) => values.clone(),
            TensorData::F32(_) | TensorData::I64(_) => return None,
        })
    }

    /// Whether both have the same shape, type and bits: see [`TensorData::same_bits`].
    pub fn same_bits(&self, other: &Self) -> bool {
        self.shape == other.shape && self.data.same_bits(&other.data)
    }

    /// The same elements under another shape.
    ///
    /// # Errors
    /// As [`Tensor::new`].
    pub fn reshaped(&self, shape: Vec<usize>) -> Result<Self, NetworkError> {
        Self::new(shape, self.data.clone())
    }
}
