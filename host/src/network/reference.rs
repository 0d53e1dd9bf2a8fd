//! The reference: plain loops that say what a network computes. Written to be read, not to be fast.
//!
//! Precision. A layer at A activation and W weight bits multiplies A-bit activations by W-bit weights and keeps its
//! accumulators in the units of the 8-bit layer, so that bias and scale are the stored ones:
//!
//! ```text
//!   acc8 = (sum (a_A - za_A) * w_W) << ((8-A) + (8-W))            za_A: input zero point at A bits
//!        - (zw * sum (a_A - za_A)) << (8-A)                       zw: weight zero point, at 8 bits always
//!        + bias                                                   (the one for W bits, if there is one)
//!   integer output, B bits: clamp(round_half_even(f32(acc8) * m * 2^-(8-B)) + z_B),   m = f32(f32(sx*sw) / sy)
//!   float output:           f32(acc8) * f32(sx*sw)
//! ```
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
struct PlainLoops<'a, A>(&'a A);

impl<A: Arithmetic> Engine for PlainLoops<'_, A> {
    type Error = NetworkError;

    fn layer(&mut self, work: &Work<'_>) -> Result<(TensorData, Vec<i32>), NetworkError> {
        let (shape, precision, arithmetic) = (work.shape, work.precision, self.0);
        let input = work.input.ints().unwrap_or_default();
        match work.op {
            Op::Conv(op) => {
                let sums = conv(op, &input, work.input.shape(), shape, precision, arithmetic)?;
                let pixels = shape.iter().skip(2).product::<usize>().max(1);
                let channel_of = |index: usize| index / pixels % op.layer.out_channels.max(1);
                Ok((finish(&op.layer, &sums, channel_of, work.output_bits, arithmetic), sums))
            }
            Op::Gemm(op) => {
                let sums = gemm(op, &input, precision, arithmetic)?;
                let channel_of = |index: usize| index % op.layer.out_channels.max(1);
                Ok((finish(&op.layer, &sums, channel_of, work.output_bits, arithmetic), sums))
            }
            Op::MatMul(_) | Op::Host(_) => Err(not_a_layer(work)),
        }
    }
}

/// The walk gives an engine layers with constant weights only.
pub(super) fn not_a_layer(work: &Work<'_>) -> NetworkError {
    let problem = format!("{} is no layer of the array", work.op.kind());
    NetworkError::Layer { layer: format!("node {}", work.node), problem }
}

/// Weights of a layer at `precision`, and the shift that brings a product of its operands to 8-bit units.
fn switched(layer: &ArrayLayer, precision: LayerPrecision, arithmetic: &impl Arithmetic) -> (Vec<i64>, u32) {
    let switch = |&weight: &i8| i64::from(arithmetic.switch(weight, precision.weight_bits, precision.rounding));
    let shift = u32::from(8 - precision.act_bits) + u32::from(8 - precision.weight_bits);
    (layer.weights.iter().map(switch).collect(), shift)
}

/// One accumulator, from its sums over the reduction.
fn accumulator(
    layer: &ArrayLayer,
    channel: usize,
    products: i64,
    activations: i64,
    shift: u32,
    precision: LayerPrecision,
) -> Result<i32, NetworkError> {
    let LayerPrecision { weight_bits, act_bits, .. } = precision;
    let zero_weight = i64::from(layer.weight_zero_point(channel));
    let value =
        (products << shift) - ((zero_weight * activations) << (8 - act_bits)) + i64::from(layer.bias_at(channel, weight_bits));
    let overflow = |_| NetworkError::Overflow { layer: layer.name.clone(), channel, value, weight_bits, act_bits };
    i32::try_from(value).map_err(overflow)
}

fn conv(
    conv: &Conv,
    input: &[i32],
    input_shape: &[usize],
    output_shape: &[usize],
    precision: LayerPrecision,
    arithmetic: &impl Arithmetic,
) -> Result<Vec<i32>, NetworkError> {
    let layer = &conv.layer;
    let (weights, shift) = switched(layer, precision, arithmetic);
    let zero = layer.input.at_bits(precision.act_bits).zero_point;
    let image = |shape: &[usize]| {
        let problem = "its input or output has the wrong number of dimensions".into();
        conv.image_shape(shape).ok_or(NetworkError::Layer { layer: layer.name.clone(), problem })
    };
    let [_, channels, height, width] = image(input_shape)?;
    let output_shape = image(output_shape)?;
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
                                let activation = i64::from(input[(plane * height + y) * width + x] - zero);
                                let tap = (output * channels_per_group + channel) * kernel_height + ky;
                                products += activation * weights[tap * kernel_width + kx];
                                activations += activation;
                            }
                        }
                    }
                    sums.push(accumulator(layer, output, products, activations, shift, precision)?);
                }
            }
        }
    }
    Ok(sums)
}

fn gemm(gemm: &Gemm, input: &[i32], precision: LayerPrecision, arithmetic: &impl Arithmetic) -> Result<Vec<i32>, NetworkError> {
    let layer = &gemm.layer;
    let (weights, shift) = switched(layer, precision, arithmetic);
    let zero = layer.input.at_bits(precision.act_bits).zero_point;
    let mut sums = Vec::new();
    for row in input.chunks_exact(layer.k.max(1)) {
        for output in 0..layer.out_channels {
            let (mut products, mut activations) = (0i64, 0i64);
            for k in 0..layer.k {
                let activation = i64::from(row[k] - zero);
                products += activation * weights[output * layer.k + k];
                activations += activation;
            }
            sums.push(accumulator(layer, output, products, activations, shift, precision)?);
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
