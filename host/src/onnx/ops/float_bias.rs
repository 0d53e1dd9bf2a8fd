//! The bias of a layer in float32, as QONNX has it: part of the sums where it is a whole number of their units, and added to the
//! layer's float32 output otherwise.

use std::sync::Arc;

use crate::network::host::{Binary, BinaryKind};
use crate::network::{ArrayLayer, Bias, Op, Tensor, TensorData, TensorId};
use crate::onnx::constant::Constant;
use crate::onnx::error::Refusal;
use crate::onnx::translation::Translation;

/// Whole numbers below are float32 exactly.
const WHOLE_END: f64 = 16_777_216.0;

/// The bias in units of the accumulators, if each of its values is a whole number of them: `f32(n * unit)` is the value itself.
pub fn integers(cx: &Translation<'_>, bias: &Tensor, layer: &ArrayLayer) -> Result<Option<Bias>, Refusal> {
    let values = values(bias, layer)?;
    cx.charge(layer.out_channels.saturating_mul(4))?;
    let integer = |channel: usize| {
        let (value, unit) = (*values.get(channel).or(values.first())?, layer.accumulator_scale(channel));
        let integer = (f64::from(value) / f64::from(unit)).round_ties_even();
        (integer.abs() < WHOLE_END && integer as f32 * unit == value).then_some(integer as i32)
    };
    let values: Option<Vec<i32>> = (0..layer.out_channels).map(integer).collect();
    Ok(values.map(|values| Bias { values, ..Bias::default() }))
}

/// The bias' values: one, or one for each output channel.
fn values<'a>(bias: &'a Tensor, layer: &ArrayLayer) -> Result<&'a [f32], Refusal> {
    let values = bias.floats().unwrap_or(&[]);
    let last = bias.shape().last().copied().unwrap_or(1);
    if values.len() == last && (last == 1 || last == layer.out_channels) {
        return Ok(values);
    }
    let found = format!("a bias of shape {:?}", bias.shape());
    let supported = format!("[{0}], [1, {0}] or one value", layer.out_channels);
    Err(Refusal::new(found, supported, "give one bias for each output channel"))
}

/// Emits the sum of a layer's output, whose channels have `trailing` dimensions behind them, and the bias.
pub fn add(
    cx: &mut Translation<'_>,
    bias: &Tensor,
    trailing: usize,
    layer: (&str, TensorId),
    output: &str,
) -> Result<TensorId, Refusal> {
    let data: TensorData = bias.data().clone();
    let shape: Vec<usize> = std::iter::once(data.len()).chain(std::iter::repeat_n(1, trailing)).collect();
    let shaped = Tensor::new(shape, data);
    let shaped = shaped.map_err(|error| Refusal::new(error.to_string(), "a bias for each channel", "export the model again"))?;
    let constant = cx.new_constant(Constant::of(shaped));
    let inputs = vec![Some(layer.1), Some(cx.materialise(constant)?)];
    let add = Op::Host(Arc::new(Binary(BinaryKind::Add)));
    Ok(cx.emit(&format!("{}_bias", layer.0), &[output], add, inputs, None)?[0])
}
