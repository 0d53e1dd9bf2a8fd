//! Cast between types, and tensors made of shapes: Shape and ConstantOfShape.

use super::{HostOperator, Operand, Outline, known, tensor};
use crate::network::float::cast;
use crate::network::shape::Known;
use crate::network::{DType, Dim, Tensor, TensorData};
use std::sync::Arc;

/// To another type, as x86-64 converts: towards zero from float32, to the nearest float32 from integers, and to a narrower integer
/// type by its low bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cast {
    /// The type.
    pub to: DType,
}

impl HostOperator for Cast {
    fn kind(&self) -> &'static str {
        "Cast"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        Ok(vec![Known::shaped(self.to, known(inputs, 0)?.dims.clone())])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], _: &[Outline]) -> Result<Vec<TensorData>, String> {
        let input = tensor(inputs, 0)?;
        if let Some(values) = input.floats() {
            return Ok(vec![match self.to {
                DType::F32 => TensorData::F32(values.to_vec()),
                DType::I8 => TensorData::I8(values.iter().map(|&v| cast::to_i8(v)).collect()),
                DType::U8 => TensorData::U8(values.iter().map(|&v| cast::to_u8(v)).collect()),
                DType::I32 => TensorData::I32(values.iter().map(|&v| cast::to_i32(v)).collect()),
                DType::I64 => TensorData::I64(values.iter().map(|&v| cast::to_i64(v)).collect()),
            }]);
        }
        let values = input.i64s().unwrap_or_default();
        Ok(vec![match self.to {
            DType::F32 => TensorData::F32(values.iter().map(|&v| v as f32).collect()),
            DType::I8 => TensorData::I8(values.iter().map(|&v| v as i8).collect()),
            DType::U8 => TensorData::U8(values.iter().map(|&v| v as u8).collect()),
            DType::I32 => TensorData::I32(values.iter().map(|&v| v as i32).collect()),
            DType::I64 => TensorData::I64(values),
        }])
    }
}

/// Sizes `start .. end` of the input's dimensions, as int64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// First dimension; counted from the end if negative.
    pub start: i64,
    /// Behind the last dimension; counted from the end if negative; all of them if `None`.
    pub end: Option<i64>,
}

impl Shape {
    fn range(&self, rank: usize) -> std::ops::Range<usize> {
        let at = |index: i64| {
            let from_start = if index < 0 { index.saturating_add(rank as i64) } else { index };
            from_start.clamp(0, rank as i64) as usize
        };
        let (start, end) = (at(self.start), at(self.end.unwrap_or(i64::MAX)));
        start..end.max(start)
    }
}

impl HostOperator for Shape {
    fn kind(&self) -> &'static str {
        "Shape"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let Some(dims) = &known(inputs, 0)?.dims else {
            return Ok(vec![Known::shaped(DType::I64, Some(vec![Dim::Unknown]))]);
        };
        let dims = &dims[self.range(dims.len())];
        let sizes: Option<Vec<i64>> = dims.iter().map(|dim| dim.fixed().and_then(|size| i64::try_from(size).ok())).collect();
        let mut output = Known::shaped(DType::I64, Some(vec![Dim::Fixed(dims.len())]));
        if let Some(sizes) = sizes {
            let value = Tensor::new(vec![dims.len()], TensorData::I64(sizes)).map_err(|error| error.to_string())?;
            output.value = Some(Arc::new(value));
        }
        Ok(vec![output])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], _: &[Outline]) -> Result<Vec<TensorData>, String> {
        let shape = tensor(inputs, 0)?.shape();
        Ok(vec![TensorData::I64(shape[self.range(shape.len())].iter().map(|&size| size as i64).collect())])
    }
}

/// A tensor of the shape in input 0, every element the same.
#[derive(Debug, Clone, PartialEq)]
pub struct ConstantOfShape {
    /// The element.
    pub value: TensorData,
}

impl HostOperator for ConstantOfShape {
    fn kind(&self) -> &'static str {
        "ConstantOfShape"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let shape = known(inputs, 0)?;
        let size =
            |size: i64| usize::try_from(size).map(Dim::Fixed).map_err(|_| format!("a size of {size}; sizes are 0 and more"));
        let dims = match shape.integers() {
            Some(sizes) => Some(sizes.into_iter().map(size).collect::<Result<_, _>>()?),
            None => None,
        };
        Ok(vec![Known::shaped(self.value.dtype(), dims)])
    }

    fn compute(&self, _: &[Option<Operand<'_>>], outputs: &[Outline]) -> Result<Vec<TensorData>, String> {
        let count = outputs.first().map_or(0, Outline::elements);
        Ok(vec![self.value.gather(std::iter::repeat_n(0, count))])
    }
}
