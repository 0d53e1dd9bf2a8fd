//! Arrays as tensors, and back.

use super::{Array, Elements};
use crate::network::{NetworkError, Tensor, TensorData};

impl TryFrom<Array> for Tensor {
    type Error = NetworkError;

    fn try_from(array: Array) -> Result<Self, NetworkError> {
        let data = match array.elements {
            Elements::F32(values) => TensorData::F32(values),
            Elements::I8(values) => TensorData::I8(values),
            Elements::U8(values) => TensorData::U8(values),
            Elements::I32(values) => TensorData::I32(values),
            Elements::I64(values) => TensorData::I64(values),
        };
        Self::new(array.shape, data)
    }
}

impl From<&Tensor> for Array {
    fn from(tensor: &Tensor) -> Self {
        let elements = match tensor.data() {
            TensorData::F32(values) => Elements::F32(values.clone()),
            TensorData::I8(values) => Elements::I8(values.clone()),
            TensorData::U8(values) => Elements::U8(values.clone()),
            TensorData::I32(values) => Elements::I32(values.clone()),
            TensorData::I64(values) => Elements::I64(values.clone()),
        };
        Self { shape: tensor.shape().to_vec(), elements }
    }
}
