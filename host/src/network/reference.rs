//! The reference: plain loops that say what a network computes. Written to be read, not to be fast.
//!
//! Precision. A layer at A activation and W weight bits multiplies A-bit activations by W-bit weights and keeps its
//! accumulators in the units of the 8-bit layer, so that bias and scale are the stored ones:
//!
//! ```text
//!   a8   = (a_A - za_A) << (8-A)                                  za_A: input zero point at A bits
//!   acc8 = (sum a8 * w_W) << (8-W)
//!        - zw * sum a8                                            zw: weight zero point, at 8 bits always
//!        + bias                                                   (the one for W bits, if there is one)
//!   integer output, B bits: clamp(round_half_even(f32(acc8) * m * 2^-(8-B)) + z_B),   m = f32(f32(sx*sw) / sy)
//!   float output:           f32(acc8) * f32(sx*sw)
//! ```
//! Where some input channels are important, A is 8 for them, and the others are narrowed from 8 bits to A as the layer reads them.
//!
//! Against onnxruntime (CPU): the integer form is that of its QLinearConv and QGemm kernels, which is what its optimiser
//! makes of QDQ; the float form is that of its QGemm without output quantizer. For a Conv without output quantizer
//! onnxruntime convolves dequantized floats instead: that sum and this one are equal bit for bit when the scales are
//! powers of two and sums stay below 2^24, and otherwise differ in the last places, where this one is the exact sum
//! rounded once and scaled once.

use super::execute::{Engine, Execution, Work, execute};
use super::{
    Arithmetic, ArrayLayer, Conv, Gemm, LayerOutput, LayerPrecision, Network, NetworkError, Op, PrecisionPlan, Tensor, TensorData,
};

/// Runs `network` on `inputs` (one for each of [`Network::inputs`]) at the precisions of `plan`, in plain loops.
///
/// # Errors
/// Inputs that do not fit, plans that cannot be met, and accumulators that leave int32.
pub fn run(
    network: &Network,
    inputs: &[Tensor],
    plan: &PrecisionPlan,
    arithmetic: &impl Arithmetic,
) -> Result<Execution, NetworkError> {
    execute(network, inputs, plan, arithmetic, &mut PlainLoops(arithmetic))
}

/// The reference engine.
pub struct PlainLoops<'a, A>(pub &'a A);

impl<A: Arithmetic> Engine for PlainLoops<'_, A> {
    type Error = NetworkError;

    fn layer(&mut self, work: &Work<'_>) -> Result<(TensorData, Vec<i32>), NetworkError> {
        let (sums, layer, pixels) = match work.op {
            Op::Conv(op) => (conv(op, work, self.0)?, &op.layer, work.shape.iter().skip(2).product::<usize>()),
            Op::Gemm(op) => (gemm(op, work, self.0)?, &op.layer, 1),
            Op::MatMul(_) | Op::Host(_) => return Err(not_a_layer(work)),
        };
        let channel_of = |index: usize| index / pixels.max(1) % layer.out_channels.max(1);
        Ok((finish(layer, &sums, channel_of, work.output_bits, self.0), sums))
    }
}

/// The walk gives an engine layers with constant weights only.
pub(super) fn not_a_layer(work: &Work<'_>) -> NetworkError {
    let problem = format!("{} is no layer of the array", work.op.kind());
    NetworkError::Layer { layer: format!("node {}", work.node), problem }
}

/// The input less its zero point, in 8-bit units. `channel_of` gives the channel of an element.
fn centred(layer: &ArrayLayer, work: &Work<'_>, channel_of: impl Fn(usize) -> usize, arithmetic: &impl Arithmetic) -> Vec<i64> {
    let act_bits = work.precision.act_bits;
    let narrowed = layer.input.at_bits(act_bits);
    let narrow = |value: i32| {
        let (zero, low, high) = (narrowed.zero_point, narrowed.low, narrowed.high);
        arithmetic.requantize(value - layer.input.zero_point, 1.0, i32::from(8 - act_bits), zero, low, high)
    };
    let value = |(index, value): (usize, i32)| match work.important {
        Some(important) if important.binary_search(&channel_of(index)).is_ok() => i64::from(value - layer.input.zero_point),
        Some(_) => i64::from(narrow(value) - narrowed.zero_point) << (8 - act_bits),
        None => i64::from(value - narrowed.zero_point) << (8 - act_bits),
    };
    work.input.ints().unwrap_or_default().into_iter().enumerate().map(value).collect()
}

/// Weights of a layer at its precision, in 8-bit units.
fn switched(layer: &ArrayLayer, precision: LayerPrecision, arithmetic: &impl Arithmetic) -> Vec<i64> {
    let bits = precision.effective_weight_bits();
    let switch = |&weight: &i8| i64::from(arithmetic.switch(weight, bits, precision.rounding)) << (8 - bits);
    layer.weights.iter().map(switch).collect()
}

/// One accumulator, from its sums over the reduction.
pub(super) fn accumulator(
    layer: &ArrayLayer,
    channel: usize,
    products: i64,
    activations: i64,
    precision: LayerPrecision,
) -> Result<i32, NetworkError> {
    let (weight_bits, act_bits) = (precision.effective_weight_bits(), precision.act_bits);
    let zero_weight = i64::from(layer.weight_zero_point(channel));
    let value = products - zero_weight * activations + i64::from(layer.bias_at(channel, weight_bits));
    let overflow = |_| NetworkError::Overflow { layer: layer.name.clone(), channel, value, weight_bits, act_bits };
    i32::try_from(value).map_err(overflow)
}

fn conv(conv: &Conv, work: &Work<'_>, arithmetic: &impl Arithmetic) -> Result<Vec<i32>, NetworkError> {
    let layer = &conv.layer;
    let image = |shape: &[usize]| {
        let problem = "its input or output has the wrong number of dimensions".into();
        conv.image_shape(shape).ok_or(NetworkError::Layer { layer: layer.name.clone(), problem })
    };
    let [_, channels, height, width] = image(work.input.shape())?;
    let output_shape = image(work.shape)?;
    let input = centred(layer, work, |index| index / (height * width) % channels, arithmetic);
    let weights = switched(layer, work.precision, arithmetic);
    let [outputs, channels_per_group, kernel_height, kernel_width] = conv.weight_shape();
    let outputs_per_group = outputs / conv.group;
    let [top, left, ..] = conv.window.pads([height, width]).unwrap_or_default();
    let mut sums = Vec::with_capacity(output_shape.iter().product());
    for image in 0..output_shape[0] {
        for output in 0..outputs {
            let first_channel = output / outputs_per_group * channels_per_group;
            for oy in 0..output_shape[2] {
                for ox in 0..output_shape[3] {
                    let (mut products, mut activations) = (0i64, 0i64);
                    for channel in 0..channels_per_group {
                        for ky in 0..kernel_height {
                            for kx in 0..kernel_width {
                                let y = conv.window.coordinate(0, oy, ky, top, height);
                                let x = conv.window.coordinate(1, ox, kx, left, width);
                                // Padding holds the zero point: it adds nothing.
                                let (Some(y), Some(x)) = (y, x) else { continue };
                                let plane = image * channels + first_channel + channel;
                                let activation = input[(plane * height + y) * width + x];
                                let tap = (output * channels_per_group + channel) * kernel_height + ky;
                                products += activation * weights[tap * kernel_width + kx];
                                activations += activation;
                            }
                        }
                    }
                    sums.push(accumulator(layer, output, products, activations, work.precision)?);
                }
            }
        }
    }
    Ok(sums)
}

fn gemm(gemm: &Gemm, work: &Work<'_>, arithmetic: &impl Arithmetic) -> Result<Vec<i32>, NetworkError> {
    let layer = &gemm.layer;
    let k = layer.k.max(1);
    let input = centred(layer, work, |index| index % k, arithmetic);
    let weights = switched(layer, work.precision, arithmetic);
    let mut sums = Vec::new();
    for row in input.chunks_exact(k) {
        let activations = row.iter().sum();
        for (output, weights) in weights.chunks_exact(k).enumerate() {
            let products = row.iter().zip(weights).map(|(activation, weight)| activation * weight).sum();
            sums.push(accumulator(layer, output, products, activations, work.precision)?);
        }
    }
    Ok(sums)
}

/// What happens to accumulators: requantization to `bits` bits, or float32 on the host.
pub(super) fn finish(
    layer: &ArrayLayer,
    sums: &[i32],
    channel_of: impl Fn(usize) -> usize,
    bits: u8,
    arithmetic: &impl Arithmetic,
) -> TensorData {
    let each = sums.iter().enumerate().map(|(index, &sum)| (channel_of(index), sum));
    let output = match layer.output {
        LayerOutput::Sums => return TensorData::I32(sums.to_vec()),
        LayerOutput::Float => {
            return TensorData::F32(each.map(|(channel, sum)| sum as f32 * layer.accumulator_scale(channel)).collect());
        }
        LayerOutput::Quantized { quant, .. } => quant,
    };
    let narrowed = output.at_bits(bits);
    let (low, high) = layer.output_range(&narrowed);
    let values = each.map(|(channel, sum)| {
        let multiplier = layer.multiplier(channel).unwrap_or(0.0);
        arithmetic.requantize(sum, multiplier, i32::from(8 - bits), narrowed.zero_point, low, high)
    });
    TensorData::from_ints(output.dtype, values).unwrap_or(TensorData::empty(output.dtype))
}
