//! What a machine is given when it runs a network, layer by layer: the products without their data.

use super::EstimateError;
use crate::estimate::layers::{Conv, Gemm, LayerKind, LayerShape, RightOperand};
use crate::estimate::product::{Product, image};
use crate::gemm::{Fold, KernelRows, MatrixSizes, Placement, WeightLayout, WeightStore};
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
        let resident = store.reserve_layers(layers.iter().map(|layer| matrices(layer, config)), config);
        let resident = resident.into_iter().map(|layouts| layouts?.first().copied().flatten());
        let act = ActBits::try_from(precision.act_bits)?;
        let work = |(layer, resident): (&LayerShape, Option<WeightLayout>)| {
            let product = layer.product();
            let computed = is_computed(layer);
            let [m, k, n] = [product.m, product.k, product.n].map(|size| usize::try_from(size).unwrap_or(usize::MAX));
            let product = Product {
                m,
                k,
                n,
                segments: segments([(0..k, act)], precision, true)?,
                weights: Placement::of(resident.map(|layout| WeightLayout { base: 0, ..layout }), store.used(), config),
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
                weights: match (computed, resident.is_some()) {
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

/// A layer's matrices; `None` if they are no weights, or larger than a host's memory.
fn matrices(layer: &LayerShape, config: &ArrayConfig) -> Option<Vec<MatrixSizes>> {
    let product = layer.product();
    let [count, k, n] = [product.groups, product.k, product.n].map(|size| usize::try_from(size).ok());
    let matrices = MatrixSizes { count: count?, k: k?, n: n?, fold: fold(layer, config) };
    (!is_computed(layer)).then_some(vec![matrices])
}

/// How far a layer's matrix is folded where it is resident.
fn fold(layer: &LayerShape, config: &ArrayConfig) -> Fold {
    let LayerKind::Conv(Conv { kernel, strides, channels, groups, .. }) = *layer.kind() else { return Fold::NONE };
    let outputs = layer.output_size()[0];
    let sizes = [kernel[0], kernel[1].saturating_mul(channels / groups), strides[0], outputs, layer.product().n];
    let [rows, length, stride, outputs, n] = sizes.map(|size| usize::try_from(size).unwrap_or(usize::MAX));
    Fold::most(KernelRows { rows, length, stride, dilation: 1, outputs }, n, config)
}
