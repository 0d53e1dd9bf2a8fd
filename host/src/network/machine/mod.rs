//! A network's layers on a machine: lowered to matrix products, requantized on chip where the layer's output is integers.
//!
//! ```text
//!   layer --> one product per group: rows = output pixels, K = (ky, kx, ci), sums in 8-bit units
//!     input zero point z:   bias - z * column sums of the switched weights
//!     integer output:       requantized by the machine
//!     float output, or weight zero points: int32 read out, the host finishes as the reference does
//!     rows and columns of zero weights: left out
//! ```

pub(crate) mod form;
mod product;
pub(crate) mod residency;
mod zero_points;

use super::execute::{Engine, Work};
use super::packing::Matrices;
use super::reference::{finish, not_a_layer};
use super::{Contract, Lowering, Network, NetworkError, PrecisionPlan, ReadOut, TensorData};
use crate::gemm::{self, GemmError};
use crate::session::{Session, SessionError};
use crumb_arch::Counters;
use crumb_arch::precision::{PrecisionError, WeightBits};
use crumb_arch::requantizer::ScaleError;
use crumb_sim::activity::Activity;
use form::Form;
use product::Product;
use residency::Residency;

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
    /// Multiply-accumulates that the layer needs: those of rows and columns that are left out are not among them.
    pub macs: u64,
    /// How many of them have an activation in an important channel.
    pub important_macs: u64,
    /// Widths of its operands.
    pub precision: super::LayerPrecision,
    /// Input channels at 8 bits, and all of them, where not all have the precision's width.
    pub important: Option<[usize; 2]>,
    /// Why its sums were read out, if the machine did not requantize them.
    pub read_out: Option<ReadOut>,
    /// What the machine counted while it ran.
    pub counters: Counters,
}

impl LayerReport {
    /// Bit operations that the layer needs: `macs * A * W`, A being 8 in important channels.
    pub fn bops(&self) -> u64 {
        u64::from(self.precision.effective_weight_bits()) * self.activation_bits()
    }

    /// The same with the width of the lanes that the weights take.
    pub fn lane_bops(&self) -> u64 {
        let bits = self.precision.effective_weight_bits();
        WeightBits::try_from(bits).map_or(u64::from(bits), |bits| u64::from(bits.lane_bits())) * self.activation_bits()
    }

    /// Adds another product of the same layer.
    pub fn add(&mut self, other: &Self) {
        self.macs += other.macs;
        self.important_macs += other.important_macs;
        self.counters.0.iter_mut().zip(other.counters.0).for_each(|(sum, value)| *sum += value);
    }

    /// Bits of activations that are multiplied: `macs * A`.
    fn activation_bits(&self) -> u64 {
        8 * self.important_macs + u64::from(self.precision.act_bits) * (self.macs - self.important_macs)
    }

    /// `a4w4`; `a8/4w4` with important channels; `a8w4+` with the lower slices of the weights added.
    pub fn precision(&self) -> String {
        let precision = self.precision.to_string();
        if self.important.is_some() { precision.replacen('a', "a8/", 1) } else { precision }
    }
}

/// A machine that holds a network's weights and runs its layers.
pub struct MachineEngine<'a> {
    session: &'a mut Session,
    /// Where the weights of each node's groups lie; nodes whose weights did not fit stream them.
    residency: Residency,
    last: Counters,
    /// What had toggled then.
    last_activity: Option<Activity>,
    /// What toggled in each layer, beside `reports`; empty where the machine does not count it.
    pub activities: Vec<Activity>,
    /// What each layer cost, in the order of the runs.
    pub reports: Vec<LayerReport>,
}

impl<'a> MachineEngine<'a> {
    /// Uploads the weights of every layer that fits, once: later runs at any precision read this one copy.
    ///
    /// # Errors
    /// If the machine fails.
    pub fn new(session: &'a mut Session, network: &Network) -> Result<Self, MachineRunError> {
        Self::for_plan(session, network, &PrecisionPlan::default())
    }

    /// The same, with weights in the order that the plan's important channels ask for. Plans with other important channels stream
    /// the weights of those layers.
    ///
    /// # Errors
    /// If the machine fails.
    pub fn for_plan(session: &'a mut Session, network: &Network, plan: &PrecisionPlan) -> Result<Self, MachineRunError> {
        let residency = Residency::of(network, plan, session.config());
        for (node, resident) in residency.layers() {
            let op = &network.nodes[node].op;
            let Some(matrices) = Matrices::of(op) else { continue };
            for (index, group) in resident.groups.iter().enumerate() {
                let Some(layout) = group.layout else { continue };
                gemm::upload(session, layout, &matrices.packed(index, &group.packing)).map_err(|source| {
                    let layer = op.array_layer().map_or_else(String::new, |layer| layer.name.clone());
                    MachineRunError::Layer { layer, source: Box::new(source) }
                })?;
            }
        }
        let last = session.counters()?;
        let last_activity = session.activity();
        Ok(Self { session, residency, last, last_activity, activities: Vec::new(), reports: Vec::new() })
    }

    /// Whether the machine has a clock, and so counts.
    pub fn is_clocked(&self) -> bool {
        self.session.backend().is_clocked()
    }

    /// Keeps what a layer cost; products of one layer add up.
    fn report(&mut self, part: usize, report: LayerReport) {
        match self.reports.last_mut().filter(|_| part > 0) {
            Some(last) => last.add(&report),
            None => self.reports.push(report),
        }
        let (Some(now), Some(last)) = (self.session.activity(), self.last_activity) else { return };
        self.last_activity = Some(now);
        match self.activities.last_mut().filter(|_| part > 0) {
            Some(sum) => *sum += now - last,
            None => self.activities.push(now - last),
        }
    }

    /// What the machine has counted since the engine was made or asked last.
    fn since(&mut self) -> Result<Counters, SessionError> {
        let now = self.session.counters()?;
        let delta = now - self.last;
        self.last = now;
        Ok(delta)
    }
}

impl Engine for MachineEngine<'_> {
    type Error = MachineRunError;

    fn layer(&mut self, work: &Work<'_>) -> Result<(TensorData, Vec<i32>), MachineRunError> {
        let (Some(layer), Some(lowering)) = (work.op.array_layer(), Lowering::of(work.op, work.input.shape())) else {
            return Err(not_a_layer(work).into());
        };
        let lowering = lowering?;
        let matrices = Matrices::of(work.op).ok_or_else(|| not_a_layer(work))?;
        let form = Form::of(work, layer, &lowering);
        let product = Product::new(work, &form);
        if lowering.rows() == 0 {
            // A batch of none.
            self.report(work.part, form.report(matrices.channels, std::iter::empty()));
            return Ok((finish(layer, &[], |_| 0, work.output_bits, &Contract), Vec::new()));
        }
        let mut values = product.empty();
        let resident = self.residency.groups(work.node, layer, work.important);
        let word_k = self.session.config().word_k();
        let groups: Vec<_> = (0..matrices.groups).map(|index| form.group(&matrices, index, resident, word_k)).collect();
        for (index, group) in groups.iter().enumerate() {
            product.run(self.session, self.residency.used(), &matrices, (index, group), &mut values)?;
        }
        let mut report = form.report(matrices.channels, groups.iter().map(|group| &group.packing));
        drop(groups);
        report.counters = self.since()?;
        self.report(work.part, report);
        if let (Some(output), None) = (layer.output_quant(), layer.read_out()) {
            let data = TensorData::from_ints(output.dtype, values.into_iter()).unwrap_or(TensorData::empty(output.dtype));
            return Ok((data, Vec::new()));
        }
        let channel_of = |index: usize| lowering.channel_of(index);
        product.add_biases(&mut values, channel_of)?;
        zero_points::correct_for_weights(layer, &lowering, work, &mut values)?;
        Ok((finish(layer, &values, channel_of, work.output_bits, &Contract), values))
    }
}
