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

    /// The elements at these places, in this order. Places beyond the end are left out; callers count what they get.
    pub fn gather(&self, places: impl Iterator<Item = usize>) -> Self {
        fn pick<T: Copy>(values: &[T], places: impl Iterator<Item = usize>) -> Vec<T> {
            places.filter_map(|place| values.get(place).copied()).collect()
        }
        match self {
            TensorData::F32(v) => TensorData::F32(pick(v, places)),
            TensorData::I8(v) => TensorData::I8(pick(v, places)),
            TensorData::U8(v) => TensorData::U8(pick(v, places)),
            TensorData::I32(v) => TensorData::I32(pick(v, places)),
            TensorData::I64(v) => TensorData::I64(pick(v, places)),
        }
    }

    /// Appends the elements of another of the same type; of another type, nothing.
    pub fn extend(&mut self, other: &Self) {
        match (self, other) {
            (TensorData::F32(a), TensorData::F32(b)) => a.extend(b),
            (TensorData::I8(a), TensorData::I8(b)) => a.extend(b),
            (TensorData::U8(a), TensorData::U8(b)) => a.extend(b),
            (TensorData::I32(a), TensorData::I32(b)) => a.extend(b),
            (TensorData::I64(a), TensorData::I64(b)) => a.extend(b),
            _ => {}
        }
    }

    /// No elements, of this type.
    pub fn empty(dtype: DType) -> Self {
        match dtype {
            DType::F32 => TensorData::F32(Vec::new()),
            DType::I8 => TensorData::I8(Vec::new()),
            DType::U8 => TensorData::U8(Vec::new()),
            DType::I32 => TensorData::I32(Vec::new()),
            DType::I64 => TensorData::I64(Vec::new()),
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

    /// Elements widened to int64, when they are integers.
    pub fn i64s(&self) -> Option<Vec<i64>> {
        match &self.data {
            TensorData::I64(values) => Some(values.clone()),
            _ => Some(self.ints()?.into_iter().map(i64::from).collect()),
        }
    }

    /// The part of the elements that begins at `start`, under a shape of its own; the whole must hold it.
    ///
    /// # Errors
    /// As [`Tensor::new`].
    pub fn part(&self, start: usize, shape: Vec<usize>) -> Result<Self, NetworkError> {
        let count = shape.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim)).unwrap_or(usize::MAX);
        Self::new(shape, self.data.gather(start..start.saturating_add(count).min(self.data.len())))
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
