//! A network's layers on a machine: lowered to matrix products, requantized on chip where the layer's output is integers.
//!
//! ```text
//!   layer --> one product per group: rows = output pixels, K = (ky, kx, ci), sums in 8-bit units
//!     input zero point z:   bias - z * column sums of the switched weights
//!     integer output:       requantized by the machine
//!     float output, or weight zero points: int32 read out, the host finishes as the reference does
//! ```

use super::execute::{Engine, Work};
use super::reference::{finish, not_a_layer};
use super::{ArrayLayer, Contract, DType, Lowering, Network, NetworkError, Op, Tensor, TensorData};
use crate::gemm::{self, ActivationRows, GemmError, Job, Output, Segment, WeightLayout, WeightStore, Weights};
use crate::session::{Session, SessionError};
use crumb_arch::precision::{ActBits, PrecisionError, WeightBits};
use crumb_arch::requantizer::{ChannelScale, ScaleError};
use crumb_arch::{Counters, Requantize, WeightFormat};
use std::collections::HashMap;

/// Why a network does not run on a machine.
#[derive(Debug, thiserror::Error)]
pub enum MachineRunError {
    /// The network, its inputs or its plan are refused.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A layer's product is refused, or the machine failed.
    #[error("layer {layer:?}: {source}")]
    Layer {
        /// The layer's name.
        layer: String,
        /// What happened.
        source: Box<GemmError>,
    },
    /// A layer's multiplier is not exact on the machine.
    #[error("layer {layer:?}, channel {channel}: {source}")]
    Scale {
        /// The layer's name.
        layer: String,
        /// The output channel.
        channel: usize,
        /// Why.
        source: ScaleError,
    },
    /// A layer's bias leaves int32 once the input's zero point is folded in.
    #[error(
        "layer {layer:?}, channel {channel}: bias and zero point together are {value}, beyond int32; use a zero point nearer to 0"
    )]
    Bias {
        /// The layer's name.
        layer: String,
        /// The output channel.
        channel: usize,
        /// The sum.
        value: i64,
    },
    /// A width does not exist.
    #[error(transparent)]
    Precision(#[from] PrecisionError),
    /// The machine failed between layers.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// What one layer cost; a product of two computed operands is one layer, however many matrices it has.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerReport {
    /// The layer's name.
    pub name: String,
    /// Multiply-accumulates that the layer needs.
    pub macs: u64,
    /// Widths of its operands.
    pub precision: super::LayerPrecision,
    /// Whether the machine requantized its output.
    pub requantized_on_chip: bool,
    /// What the machine counted while it ran.
    pub counters: Counters,
}

/// A machine that holds a network's weights and runs its layers.
pub struct MachineEngine<'a> {
    session: &'a mut Session,
    /// Where the weights of each node's groups lie; nodes whose weights did not fit stream them.
    layouts: HashMap<usize, Vec<WeightLayout>>,
    used: usize,
    last: Counters,
    /// What each layer cost, in the order of the runs.
    pub reports: Vec<LayerReport>,
}

impl<'a> MachineEngine<'a> {
    /// Uploads the weights of every layer that fits, once: later runs at any precision read this one copy.
    ///
    /// # Errors
    /// If the machine fails.
    pub fn new(session: &'a mut Session, network: &Network) -> Result<Self, MachineRunError> {
        let config = session.config().clone();
        let mut store = WeightStore::default();
        let mut layouts = HashMap::new();
        for (index, layer) in network.array_layers() {
            let groups = match &network.nodes[index].op {
                Op::Conv(conv) => conv.group.max(1),
                Op::Gemm(_) => 1,
                Op::MatMul(_) | Op::Host(_) => continue,
            };
            let n = layer.out_channels / groups;
            let before = store.clone();
            let reserved: Result<Vec<_>, _> = (0..groups).map(|_| store.reserve(layer.k, n, &config)).collect();
            // One tile must stay free for the layers that do not fit.
            let room = config.weight_words - store.used() >= config.tile_words(ActBits::A2);
            let Some(group_layouts) = reserved.ok().filter(|_| room) else {
                store = before;
                continue;
            };
            let failed = |source| MachineRunError::Layer { layer: layer.name.clone(), source: Box::new(source) };
            for (group, layout) in group_layouts.iter().enumerate() {
                let weights = group_weights(&network.nodes[index].op, layer, group);
                gemm::upload(session, *layout, &weights).map_err(failed)?;
            }
            layouts.insert(index, group_layouts);
        }
        let last = session.counters()?;
        Ok(Self { session, layouts, used: store.used(), last, reports: Vec::new() })
    }

    /// Whether the machine has a clock, and so counts.
    pub fn is_clocked(&self) -> bool {
        self.session.backend().is_clocked()
    }

    /// Adds up what a layer cost.
    fn report(&mut self, work: &Work<'_>, layer: &ArrayLayer, macs: u64, on_chip: bool, counters: Counters) {
        if let Some(last) = self.reports.last_mut().filter(|_| work.part > 0) {
            last.macs += macs;
            last.counters.0.iter_mut().zip(counters.0).for_each(|(sum, value)| *sum += value);
            return;
        }
        let (name, precision) = (layer.name.clone(), work.precision);
        self.reports.push(LayerReport { name, macs, precision, requantized_on_chip: on_chip, counters });
    }

    /// What the machine has counted since the engine was made or asked last.
    fn since(&mut self) -> Result<Counters, SessionError> {
        let now = self.session.counters()?;
        let delta = now - self.last;
        self.last = now;
        Ok(delta)
    }
}

/// One group's `[K, N]` weights, K in the order of the lowering.
fn group_weights(op: &Op, layer: &ArrayLayer, group: usize) -> Vec<i8> {
    match op {
        Op::Conv(conv) => {
            let taps = conv.window.kernel[0] * conv.window.kernel[1];
            let channels = conv.in_channels / conv.group.max(1);
            let n = layer.out_channels / conv.group.max(1);
            let at = |tap: usize, channel: usize, column: usize| ((group * n + column) * channels + channel) * taps + tap;
            (0..taps)
                .flat_map(|tap| (0..channels).flat_map(move |channel| (0..n).map(move |column| at(tap, channel, column))))
                .map(|i| layer.weights[i])
                .collect()
        }
        _ => (0..layer.k).flat_map(|k| (0..layer.out_channels).map(move |o| layer.weights[o * layer.k + k])).collect(),
    }
}

/// A lowered layer's input as the left matrix of one group's product.
struct Rows<'a> {
    lowering: &'a Lowering<'a>,
    group: usize,
    input: &'a Tensor,
    padding: i16,
}

impl ActivationRows for Rows<'_> {
    fn fill(&self, first: usize, rows: &mut [i16]) -> Result<(), String> {
        self.lowering.fill_rows(self.group, self.input, self.padding, first, rows).map(drop).map_err(|e| e.to_string())
    }
}

impl Engine for MachineEngine<'_> {
    type Error = MachineRunError;

    fn layer(&mut self, work: &Work<'_>) -> Result<(TensorData, Vec<i32>), MachineRunError> {
        let (Some(layer), Some(lowering)) = (work.op.array_layer(), Lowering::of(work.op, work.input.shape())) else {
            return Err(not_a_layer(work).into());
        };
        let lowering = lowering?;
        let act = ActBits::try_from(work.precision.act_bits)?;
        let weight = WeightFormat::top(WeightBits::try_from(work.precision.weight_bits)?, work.precision.rounding);
        let signed = work.input.dtype() == DType::I8;
        let segments = [Segment::whole(layer.k, act, signed, weight).in_8_bit_units()];
        let zero = layer.input.at_bits(work.precision.act_bits).zero_point;
        let plain_weights = layer.weight_zero_points.iter().all(|&z| z == 0);
        let on_chip = layer.output_quant().filter(|_| plain_weights);

        let biases = folded_biases(layer, weight, zero, segments[0].shift, work.precision.weight_bits)?;
        let channels: Vec<ChannelScale> = if on_chip.is_some() { channel_scales(layer, &biases)? } else { Vec::new() };
        let mut values = vec![0i32; lowering.rows() * layer.out_channels];
        for group in 0..lowering.groups() {
            let first = group * lowering.n();
            let rows = Rows { lowering: &lowering, group, input: work.input, padding: zero as i16 };
            let streamed = if self.layouts.contains_key(&work.node) { Vec::new() } else { lowering.weights(group) };
            let weights = match self.layouts.get(&work.node) {
                Some(layouts) => Weights::Resident(layouts[group]),
                None => Weights::Streamed(&streamed),
            };
            let output = match on_chip {
                Some(output) => {
                    let narrowed = output.at_bits(work.output_bits);
                    let (lo, hi) = layer.output_range(&narrowed);
                    let format = Requantize {
                        parameters: 0,
                        width: ActBits::try_from(work.output_bits)?,
                        exponent_adjust: 8 - work.output_bits as i8,
                        zero_point: narrowed.zero_point as i16,
                        lo: lo as i16,
                        hi: hi as i16,
                    };
                    Output::Requantized { channels: &channels[first..first + lowering.n()], format }
                }
                None => Output::Raw,
            };
            let job =
                Job { m: lowering.rows(), k: lowering.k(), n: lowering.n(), rows: &rows, segments: &segments, weights, output };
            let result = gemm::run(self.session, &job, self.used)
                .map_err(|source| MachineRunError::Layer { layer: layer.name.clone(), source: Box::new(source) })?;
            for (i, value) in result.into_iter().enumerate() {
                values[lowering.output_index(group, i / lowering.n(), i % lowering.n())] = value;
            }
        }
        let counters = self.since()?;
        self.report(work, layer, lowering.macs(), on_chip.is_some(), counters);
        if let Some(output) = on_chip {
            let data = TensorData::from_ints(output.dtype, values.into_iter()).unwrap_or(TensorData::empty(output.dtype));
            return Ok((data, Vec::new()));
        }
        let plane = match work.op {
            Op::Conv(_) => work.shape.iter().skip(2).product(),
            _ => 1,
        };
        let channel_of = |index: usize| index / plane % layer.out_channels;
        for (index, value) in values.iter_mut().enumerate() {
            *value = value.wrapping_add(biases[channel_of(index)]);
        }
        if !plain_weights {
            correct_for_weight_zero_points(layer, &lowering, work, zero, &mut values)?;
        }
        Ok((finish(layer, &values, channel_of, work.output_bits, &Contract), values))
    }
}

/// `bias - (z * column sum of the switched weights) << shift`, in 8-bit units.
fn folded_biases(layer: &ArrayLayer, format: WeightFormat, zero: i32, shift: u8, bits: u8) -> Result<Vec<i32>, MachineRunError> {
    (0..layer.out_channels)
        .map(|channel| {
            let column: i64 = layer.channel_weights(channel).iter().map(|&w| i64::from(format.apply(w))).sum();
            let value = i64::from(layer.bias_at(channel, bits)) - ((i64::from(zero) * column) << (2 * shift));
            i32::try_from(value).map_err(|_| MachineRunError::Bias { layer: layer.name.clone(), channel, value })
        })
        .collect()
}

fn channel_scales(layer: &ArrayLayer, biases: &[i32]) -> Result<Vec<ChannelScale>, MachineRunError> {
    let scale = |(channel, &bias): (usize, &i32)| {
        ChannelScale::from_f32(bias, layer.multiplier(channel).unwrap_or(0.0)).map_err(|source| MachineRunError::Scale {
            layer: layer.name.clone(),
            channel,
            source,
        })
    };
    biases.iter().enumerate().map(scale).collect()
}

/// `- (zw * sum of the activations) << (8 - A)`: the row sums that only weights with zero points need, on the host.
fn correct_for_weight_zero_points(
    layer: &ArrayLayer,
    lowering: &Lowering<'_>,
    work: &Work<'_>,
    zero: i32,
    values: &mut [i32],
) -> Result<(), MachineRunError> {
    let mut row = vec![0i16; lowering.k()];
    for group in 0..lowering.groups() {
        for r in 0..lowering.rows() {
            lowering.fill_rows(group, work.input, zero as i16, r, &mut row)?;
            let sum: i64 = row.iter().map(|&a| i64::from(a) - i64::from(zero)).sum();
            for column in 0..lowering.n() {
                let channel = group * lowering.n() + column;
                let value = &mut values[lowering.output_index(group, r, column)];
                let corrected =
                    i64::from(*value) - ((i64::from(layer.weight_zero_point(channel)) * sum) << (8 - work.precision.act_bits));
                *value = i32::try_from(corrected).map_err(|_| NetworkError::Overflow {
                    layer: layer.name.clone(),
                    channel,
                    value: corrected,
                    weight_bits: work.precision.weight_bits,
                    act_bits: work.precision.act_bits,
                })?;
            }
        }
    }
    Ok(())
}
