//! QuantizeLinear and DequantizeLinear with constant parameters, at the width that the tensor runs at.
//!
//! Quantize divides (it does not multiply by a reciprocal), as onnxruntime does.

use super::{HostOperator, Operand, Outline, expect_float, floats, known, tensor};
use crate::network::float::quantize;
use crate::network::shape::Known;
use crate::network::{DType, Dim, Quantizer, TensorData};

/// float32 to integers: `clamp(round_half_even(x / scale) + zero_point)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantize(pub Quantizer);

/// Integers to float32: `float32(integer - zero_point) * scale`; the type read is int8, uint8 or int32.
#[derive(Debug, Clone, PartialEq)]
pub struct Dequantize(pub Quantizer);

fn check_axis(quantizer: &Quantizer, dims: Option<&[Dim]>) -> Result<(), String> {
    let (Some(axis), Some(dims)) = (quantizer.axis, dims) else { return Ok(()) };
    let scales = quantizer.scales.len();
    match dims.get(axis) {
        Some(Dim::Fixed(size)) if *size != scales => {
            Err(format!("{scales} scales for axis {axis} of size {size}; there must be as many"))
        }
        Some(_) => Ok(()),
        None => Err(format!("scales belong to axis {axis}, which does not exist")),
    }
}

impl HostOperator for Quantize {
    fn kind(&self) -> &'static str {
        "QuantizeLinear"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let input = known(inputs, 0)?;
        expect_float(input)?;
        check_axis(&self.0, input.dims.as_deref())?;
        Ok(vec![Known::shaped(self.0.dtype, input.dims.clone())])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], outputs: &[Outline]) -> Result<Vec<TensorData>, String> {
        let Some(Outline { shape, bits }) = outputs.first() else { return Ok(Vec::new()) };
        let inner: usize = self.0.axis.map_or(shape.as_slice(), |axis| shape.get(axis + 1..).unwrap_or(&[])).iter().product();
        let value = |(index, &value): (usize, &f32)| {
            let narrowed = self.0.at(shape, index).at_bits(*bits);
            let (scale, zero_point, range) = (narrowed.scale, narrowed.zero_point, narrowed.low..=narrowed.high);
            // Packed integers without a neighbour of the same scale go through int32: this shows in values beyond it only.
            let run = index / inner.max(1) * inner..(index / inner.max(1) + 1) * inner;
            let alone = self.0.bits == 2 || (self.0.bits == 4 && quantize::unpaired(index, &run));
            let function = if alone { quantize::quantize_wrapping } else { quantize::quantize };
            function(value, scale, zero_point, &range)
        };
        let values = floats(inputs, 0)?.iter().enumerate().map(value);
        Ok(vec![TensorData::from_ints(self.0.dtype, values).unwrap_or(TensorData::empty(self.0.dtype))])
    }
}

impl HostOperator for Dequantize {
    fn kind(&self) -> &'static str {
        "DequantizeLinear"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let input = known(inputs, 0)?;
        check_axis(&self.0, input.dims.as_deref())?;
        Ok(vec![Known::shaped(DType::F32, input.dims.clone())])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], outputs: &[Outline]) -> Result<Vec<TensorData>, String> {
        let Some(Outline { shape, .. }) = outputs.first() else { return Ok(Vec::new()) };
        let tensor = tensor(inputs, 0)?;
        let integers = tensor.ints().ok_or_else(|| format!("an input of {}, expected int8, uint8 or int32", tensor.dtype()))?;
        let bits = inputs.first().copied().flatten().map_or(8, |operand| operand.bits);
        let value = |(index, &integer): (usize, &i32)| {
            let params = self.0.at(shape, index);
            if self.0.dtype == DType::I32 {
                return integer.wrapping_sub(params.zero_point) as f32 * params.scale;
            }
            params.at_bits(bits).dequantize(integer)
        };
        Ok(vec![TensorData::F32(integers.iter().enumerate().map(value).collect())])
    }
}
