//! Relu on integers: `max((q - z) * s, 0)` is `(max(q, z) - z) * s`, as s > 0.

use super::{HostOperator, Operand, Outline, known, tensor};
use crate::network::shape::Known;
use crate::network::{QuantParams, TensorData};

/// Integers no smaller than the one that means zero.
#[derive(Debug, Clone, PartialEq)]
pub struct IntegerRelu {
    /// Meaning of the integers.
    pub quant: QuantParams,
}

impl HostOperator for IntegerRelu {
    fn kind(&self) -> &'static str {
        "Relu"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let input = known(inputs, 0)?;
        Ok(vec![Known::shaped(input.dtype, input.dims.clone())])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], outputs: &[Outline]) -> Result<Vec<TensorData>, String> {
        let tensor = tensor(inputs, 0)?;
        let zero = self.quant.at_bits(outputs.first().map_or(8, |outline| outline.bits)).zero_point;
        let values = tensor.ints().unwrap_or_default().into_iter().map(|value| value.max(zero));
        Ok(vec![TensorData::from_ints(tensor.dtype(), values).unwrap_or(TensorData::empty(tensor.dtype()))])
    }

    fn keeps_integers(&self) -> bool {
        true
    }
}
