//! What a machine is given when it runs a network, layer by layer: the products without their data.

use super::EstimateError;
use crate::estimate::layers::{Gemm, LayerKind, LayerShape, RightOperand};
use crate::estimate::product::{Product, image};
use crate::gemm::{Placement, WeightStore};
use crate::network::LayerPrecision;
use crate::network::machine::LayerReport;
use crate::network::machine::form::segments;
use crumb_arch::precision::ActBits;
use crumb_arch::{ArrayConfig, Counters, Requantize};
use serde::Serialize;

/// Where a layer's weights come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightSource {
    /// They were uploaded before and stay, for every run at every precision.
    Resident,
    /// They come on the stream in each run.
    Streamed,
    /// They are another layer's result, and come on the stream.
    Computed,
}

impl WeightSource {
    /// Name in tables and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resident => "resident",
            Self::Streamed => "streamed",
            Self::Computed => "computed",
        }
    }
}

/// A layer as the machine gets it.
#[derive(Clone, Debug)]
pub struct LayerWork {
    /// What a run reports of it; nothing is counted yet.
    pub report: LayerReport,
    /// Sizes `[m, k, n]` of each of its products, before rows and columns of zeros are left out.
    pub size: [u64; 3],
    /// How many products.
    pub groups: u64,
    /// Where its weights come from.
    pub weights: WeightSource,
    /// Its products and how many there are of each.
    pub products: Vec<(Product, u64)>,
    /// How often the counters are read while it runs.
    pub readings: u64,
    /// Its shape as other accelerators' models take it; `None` for one that they do not have: a dilated convolution, or no elements.
    pub shape: Option<LayerShape>,
}

/// A network at a precision, as a machine gets it.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Its layers, in the order in which they run.
    pub layers: Vec<LayerWork>,
    /// Addresses of the weight memory that hold resident weights.
    pub resident_words: usize,
}

impl Workload {
    /// A table's layers, all at one precision: dense weights, results requantized to the width of the activations.
    ///
    /// As a network's weights, those of a layer are resident if they fit beside those of the layers before it; products of computed
    /// operands run one by one, and the counters are read after each.
    ///
    /// # Errors
    /// A width that does not exist, or a layer larger than a host's memory.
    pub fn of_table(layers: &[LayerShape], precision: LayerPrecision, config: &ArrayConfig) -> Result<Self, EstimateError> {
        let mut store = WeightStore::default();
        let resident: Vec<bool> = layers.iter().map(|layer| stays(layer, &mut store, config)).collect();
        let act = ActBits::try_from(precision.act_bits)?;
        let work = |(layer, resident): (&LayerShape, bool)| {
            let product = layer.product();
            let computed = is_computed(layer);
            let [m, k, n] = [product.m, product.k, product.n].map(|size| usize::try_from(size).unwrap_or(usize::MAX));
            let layout = resident.then_some(crate::gemm::WeightLayout { base: 0, k, n });
            let product = Product {
                m,
                k,
                n,
                segments: segments([(0..k, act)], precision, true)?,
                weights: Placement::of(layout, store.used(), config),
                image: image(layer),
                requantize: Some(Requantize { parameters: 0, width: act, exponent_adjust: 0, zero_point: 0, lo: 0, hi: 0 }),
            };
            let groups = layer.product().groups;
            Ok(LayerWork {
                report: LayerReport {
                    name: layer.name().into(),
                    macs: layer.macs(),
                    important_macs: 0,
                    precision,
                    important: None,
                    read_out: None,
                    counters: Counters::default(),
                },
                size: [m, k, n].map(|size| size as u64),
                groups,
                weights: match (computed, resident) {
                    (true, _) => WeightSource::Computed,
                    (false, true) => WeightSource::Resident,
                    (false, false) => WeightSource::Streamed,
                },
                products: vec![(product, groups)],
                readings: if computed { groups } else { 1 },
                shape: Some(layer.clone()),
            })
        };
        let layers = layers.iter().zip(resident).map(work).collect::<Result<_, EstimateError>>()?;
        Ok(Self { layers, resident_words: store.used() })
    }
}

/// Whether a layer's right operand is another layer's result.
fn is_computed(layer: &LayerShape) -> bool {
    matches!(layer.kind(), LayerKind::Gemm(Gemm { right: RightOperand::Computed, .. }))
}

/// Whether a layer's weights stay in the memory, which then has them.
fn stays(layer: &LayerShape, store: &mut WeightStore, config: &ArrayConfig) -> bool {
    let product = layer.product();
    let (Ok(k), Ok(n)) = (usize::try_from(product.k), usize::try_from(product.n)) else { return false };
    !is_computed(layer) && store.reserve_layer((0..product.groups).map(|_| (k, n)), config).is_some()
}
