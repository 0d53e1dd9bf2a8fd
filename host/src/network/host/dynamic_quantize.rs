//! DynamicQuantizeLinear: uint8 integers, their scale and their zero point, from the range of the data.

use super::{HostOperator, Operand, Outline, expect_float, floats, known};
use crate::network::float::quantize::{dynamic_parameters, quantize};
use crate::network::shape::Known;
use crate::network::{DType, TensorData};

/// float32 to uint8, scale and zero point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DynamicQuantize;

impl HostOperator for DynamicQuantize {
    fn kind(&self) -> &'static str {
        "DynamicQuantizeLinear"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let input = known(inputs, 0)?;
        expect_float(input)?;
        let scalar = |dtype| Known::shaped(dtype, Some(Vec::new()));
        Ok(vec![Known::shaped(DType::U8, input.dims.clone()), scalar(DType::F32), scalar(DType::U8)])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], _: &[Outline]) -> Result<Vec<TensorData>, String> {
        let values = floats(inputs, 0)?;
        let (scale, zero_point) = dynamic_parameters(values);
        let integers = values.iter().map(|&x| quantize(x, scale, zero_point.into(), &(0..=255)) as u8).collect();
        Ok(vec![TensorData::U8(integers), TensorData::F32(vec![scale]), TensorData::U8(vec![zero_point])])
    }
}
