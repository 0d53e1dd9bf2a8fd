//! A network's layers on a machine: lowered to matrix products, requantized on chip where the layer's output is integers.
//!
//! ```text
//!   layer --> one product per group: rows = output pixels, K = (ky, kx, ci), sums in 8-bit units
//!     input zero point z:   bias - z * column sums of the switched weights
//!     integer output:       requantized by the machine
//!     float output, or weight zero points: int32 read out, the host finishes as the reference does
//!     rows and columns of zero weights: left out
//! ```

mod product;
mod zero_points;

use super::execute::{Engine, Work};
use super::packing::{Matrices, Packing};
use super::reference::{finish, not_a_layer};
use super::{ArrayLayer, Contract, Lowering, Network, NetworkError, PrecisionPlan, ReadOut, TensorData};
use crate::gemm::{self, GemmError, WeightLayout, WeightStore};
use crate::session::{Session, SessionError};
use crumb_arch::Counters;
use crumb_arch::precision::{ActBits, PrecisionError, WeightBits};
use crumb_arch::requantizer::ScaleError;
use product::Product;
use std::collections::HashMap;
use std::sync::Arc;

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

/// A group's matrix in the machine.
struct Group {
    packing: Packing,
    /// Where it lies; `None` for a matrix without elements.
    layout: Option<WeightLayout>,
}

/// A layer's matrices in the machine.
struct Resident {
    /// The weights that were uploaded: another network's are others, even if its node is the same.
    weights: Arc<[i8]>,
    /// The important channels that the rows are ordered by.
    important: Option<Vec<usize>>,
    groups: Vec<Group>,
}

impl Resident {
    /// Whether these are the matrices of a layer that is to be computed.
    fn serves(&self, layer: &ArrayLayer, work: &Work<'_>) -> bool {
        Arc::ptr_eq(&self.weights, &layer.weights) && self.important.as_deref() == work.important
    }
}

/// A machine that holds a network's weights and runs its layers.
pub struct MachineEngine<'a> {
    session: &'a mut Session,
    /// Where the weights of each node's groups lie; nodes whose weights did not fit stream them.
    residents: HashMap<usize, Resident>,
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
        Self::for_plan(session, network, &PrecisionPlan::default())
    }

    /// The same, with weights in the order that the plan's important channels ask for. Plans with other important channels stream
    /// the weights of those layers.
    ///
    /// # Errors
    /// If the machine fails.
    pub fn for_plan(session: &'a mut Session, network: &Network, plan: &PrecisionPlan) -> Result<Self, MachineRunError> {
        let config = session.config().clone();
        let mut store = WeightStore::default();
        let mut residents = HashMap::new();
        for (index, layer) in network.array_layers() {
            let op = &network.nodes[index].op;
            let Some(matrices) = Matrices::of(op) else { continue };
            let before = store.clone();
            let reserve = |group| -> Result<Group, GemmError> {
                let packing = matrices.pack(group, plan.important(op), config.word_k());
                let (k, n) = (packing.rows.len(), packing.columns.len());
                let layout = if k == 0 || n == 0 { None } else { Some(store.reserve(k, n, &config)?) };
                Ok(Group { packing, layout })
            };
            let reserved: Result<Vec<Group>, _> = (0..matrices.groups).map(reserve).collect();
            // One tile must stay free for the layers that do not fit.
            let room = config.weight_words - store.used() >= config.tile_words(ActBits::A2);
            let Some(groups) = reserved.ok().filter(|_| room) else {
                store = before;
                continue;
            };
            let failed = |source| MachineRunError::Layer { layer: layer.name.clone(), source: Box::new(source) };
            for (index, group) in groups.iter().enumerate() {
                if let Some(layout) = group.layout {
                    gemm::upload(session, layout, &matrices.packed(index, &group.packing)).map_err(failed)?;
                }
            }
            let important = plan.important(op).map(<[usize]>::to_vec);
            residents.insert(index, Resident { weights: layer.weights.clone(), important, groups });
        }
        let last = session.counters()?;
        Ok(Self { session, residents, used: store.used(), last, reports: Vec::new() })
    }

    /// Whether the machine has a clock, and so counts.
    pub fn is_clocked(&self) -> bool {
        self.session.backend().is_clocked()
    }

    /// Adds up what a layer cost.
    fn report(&mut self, work: &Work<'_>, layer: &ArrayLayer, macs: [u64; 2], counters: Counters) {
        let [important_macs, macs] = macs;
        if let Some(last) = self.reports.last_mut().filter(|_| work.part > 0) {
            last.macs += macs;
            last.important_macs += important_macs;
            last.counters.0.iter_mut().zip(counters.0).for_each(|(sum, value)| *sum += value);
            return;
        }
        let (name, precision) = (layer.name.clone(), work.precision);
        let channels = Matrices::of(work.op).map_or(0, |matrices| matrices.channels);
        let important = work.important.map(|important| [important.len(), channels]);
        let read_out = layer.read_out();
        self.reports.push(LayerReport { name, macs, important_macs, precision, important, read_out, counters });
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
        let product = Product::new(work, layer, &lowering);
        if lowering.rows() == 0 {
            // A batch of none.
            self.report(work, layer, [0, 0], Counters::default());
            return Ok((finish(layer, &[], |_| 0, work.output_bits, &Contract), Vec::new()));
        }
        let mut values = product.empty();
        let mut macs = [0, 0];
        let resident = self.residents.get(&work.node).filter(|resident| resident.serves(layer, work));
        for index in 0..matrices.groups {
            let streamed;
            let Group { packing, layout } = match resident.and_then(|resident| resident.groups.get(index)) {
                Some(group) => group,
                None => {
                    let packing = matrices.pack(index, work.important, self.session.config().word_k());
                    streamed = Group { packing, layout: None };
                    &streamed
                }
            };
            product.run(self.session, self.used, &matrices, (index, packing), *layout, &mut values)?;
            let each = (lowering.rows() * packing.columns.len()) as u64;
            let rows = |rows: &[Option<usize>]| rows.iter().flatten().count() as u64 * each;
            macs[0] += rows(&packing.rows[..packing.important]);
            macs[1] += rows(&packing.rows);
        }
        let counters = self.since()?;
        self.report(work, layer, macs, counters);
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
