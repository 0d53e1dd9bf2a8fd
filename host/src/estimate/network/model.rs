//! A model's layers as the machine gets them: what [`MachineEngine`](crate::network::machine::MachineEngine) decides, decided without data.

use super::EstimateError;
use super::workload::{LayerWork, WeightSource, Workload};
use crate::estimate::layers::{self, LayerKind, LayerShape, RightOperand};
use crate::estimate::product::Product;
use crate::gemm::Placement;
use crate::network::machine::form::Form;
use crate::network::machine::residency::{Group, Residency};
use crate::network::packing::Matrices;
use crate::network::{
    DType, Gemm, Known, LayerPrecision, Lowering, MatMul, Network, NetworkError, Node, Op, Pairs, PrecisionPlan,
};
use crumb_arch::ArrayConfig;
use std::borrow::Cow;

/// A network about to be cut into products, for inputs of some shapes, on a machine.
pub struct Model<'a> {
    network: &'a Network,
    known: Vec<Known>,
    bits: Vec<u8>,
    plan: &'a PrecisionPlan,
    config: &'a ArrayConfig,
    residency: Residency,
}

/// A precision for one layer, and the width of its results, whatever the plan says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// Widths of its operands.
    pub precision: LayerPrecision,
    /// Width of its results, if they are integers.
    pub output_bits: u8,
}

impl Workload {
    /// A network's layers for inputs of these shapes at the precisions of a plan: exactly those that a machine engine runs and reports.
    ///
    /// # Errors
    /// Shapes and plans that a run refuses too, and what only a run can know.
    pub fn of_network(
        network: &Network,
        inputs: &[Vec<usize>],
        plan: &PrecisionPlan,
        config: &ArrayConfig,
    ) -> Result<Self, EstimateError> {
        let model = Model::new(network, inputs, plan, config)?;
        let mut layers = Vec::new();
        for index in 0..network.nodes.len() {
            layers.extend(model.work(index, None)?);
        }
        Ok(Self { layers, resident_words: model.residency.used() })
    }
}

impl<'a> Model<'a> {
    /// A network for inputs of these shapes at the precisions of a plan.
    ///
    /// # Errors
    /// Shapes and plans that a run refuses too.
    pub fn new(
        network: &'a Network,
        inputs: &[Vec<usize>],
        plan: &'a PrecisionPlan,
        config: &'a ArrayConfig,
    ) -> Result<Self, EstimateError> {
        let (known, bits) = (network.known(inputs)?, plan.tensor_bits(network)?);
        Ok(Self { network, known, bits, plan, config, residency: Residency::of(network, plan, config) })
    }

    /// What the machine gets of a node, at the plan's precision or in a mode; `None` if nothing.
    ///
    /// # Errors
    /// What a run refuses too, and what only a run can know.
    pub fn work(&self, index: usize, mode: Option<Mode>) -> Result<Option<LayerWork>, EstimateError> {
        let Some(node) = self.network.nodes.get(index) else { return Ok(None) };
        let mode = || mode.unwrap_or_else(|| self.mode(node));
        match &node.op {
            Op::Host(_) => Ok(None),
            Op::MatMul(matmul) => self.computed(index, node, matmul, mode()),
            Op::Conv(_) | Op::Gemm(_) => Ok(Some(self.constant(index, node, mode())?)),
        }
    }

    /// What the plan says of a node.
    fn mode(&self, node: &Node) -> Mode {
        Mode { precision: self.plan.at_widths(&node.op, &self.widths(node)), output_bits: self.output_bits(node) }
    }

    /// Shape, type and width of an operand.
    fn operand(&self, node: &Node, slot: usize) -> Result<(Vec<usize>, DType, u8), EstimateError> {
        let layer = || node.op.array_layer().map_or_else(|| node.name.clone(), |layer| layer.name.clone());
        let missing = || NetworkError::Layer { layer: layer(), problem: "an operand is missing".into() };
        let id = node.inputs.get(slot).copied().flatten().ok_or_else(missing)?.0;
        let operand = if slot == 0 { "input" } else { "right operand" };
        let shape = self.known[id].sizes().ok_or_else(|| EstimateError::Shape { layer: layer(), operand })?;
        Ok((shape, self.network.tensors[id].dtype, self.bits[id]))
    }

    fn output_bits(&self, node: &Node) -> u8 {
        node.outputs.first().map_or(8, |id| self.bits[id.0])
    }

    fn widths(&self, node: &Node) -> Vec<u8> {
        node.inputs.iter().map(|id| id.map_or(8, |id| self.bits[id.0])).collect()
    }

    /// A layer with constant weights.
    fn constant(&self, index: usize, node: &Node, mode: Mode) -> Result<LayerWork, EstimateError> {
        let (shape, input, _) = self.operand(node, 0)?;
        self.layer((index, node), &node.op, (&shape, input), mode, false)
    }

    /// A product of two computed operands; `None` if it has no results, as then nothing runs.
    fn computed(&self, index: usize, node: &Node, matmul: &MatMul, mode: Mode) -> Result<Option<LayerWork>, EstimateError> {
        let ((left, input, _), (right, dtype, bits)) = (self.operand(node, 0)?, self.operand(node, 1)?);
        let name = &matmul.layer.name;
        let refuse = |problem| NetworkError::Layer { layer: name.clone(), problem };
        let pairs = Pairs::of(&left, &right).map_err(refuse)?;
        if node.inputs.get(3).copied().flatten().is_some() && matmul.layer.output_quant().is_some() {
            return Err(EstimateError::ZeroPoint { layer: name.clone() });
        }
        let mut layer = pairs.layer(matmul, dtype, bits)?;
        let Some(weights) = pairs.k.checked_mul(pairs.n).filter(|_| pairs.count() > 0) else { return Ok(None) };
        // Their values do not matter, as all of them are multiplied.
        layer.weights = vec![0; weights].into();
        let mut work = self.layer((index, node), &Op::Gemm(Gemm { layer }), (&[pairs.m, pairs.k], input), mode, true)?;
        let count = pairs.count() as u64;
        let large = || EstimateError::Large { layer: name.clone() };
        work.report.macs = work.report.macs.checked_mul(count).ok_or_else(large)?;
        (work.groups, work.readings) = (count, count);
        work.products.iter_mut().for_each(|(_, times)| *times *= count);
        let [m, k, n] = work.size;
        let gemm = layers::Gemm { m, n, k, groups: count, right: RightOperand::Computed };
        work.shape = LayerShape::gemm(name, gemm, 1).ok();
        Ok(Some(work))
    }

    /// A layer whose weights are there: `op` on an input of this shape.
    fn layer(
        &self,
        (index, node): (usize, &Node),
        op: &Op,
        (shape, input): (&[usize], DType),
        Mode { precision, output_bits }: Mode,
        computed: bool,
    ) -> Result<LayerWork, EstimateError> {
        let not_a_layer = || NetworkError::Layer { layer: node.name.clone(), problem: "it is no layer of the array".into() };
        let (layer, matrices) = op.array_layer().zip(Matrices::of(op)).ok_or_else(not_a_layer)?;
        let lowering = Lowering::of(op, shape).ok_or_else(not_a_layer)??;
        let important = self.plan.important(&node.op);
        let form = Form { layer, lowering: &lowering, precision, important, output_bits, input, computed };
        let resident = self.residency.groups(index, layer, important);
        let word_k = self.config.word_k();
        let groups: Vec<Cow<'_, Group>> =
            (0..matrices.groups).map(|group| form.group(&matrices, group, resident, word_k)).collect();
        let runs = lowering.rows() > 0;
        let mut products: Vec<(Product, u64)> = Vec::new();
        for group in groups.iter().filter(|_| runs) {
            let Some(product) = self.product(&form, group)? else { continue };
            match products.last_mut() {
                Some((last, times)) if last.same_time(&product) => *times += 1,
                _ => products.push((product, 1)),
            }
        }
        let packings = groups.iter().map(|group| &group.packing).filter(|_| runs);
        Ok(LayerWork {
            report: form.report(matrices.channels, packings),
            size: [lowering.rows(), lowering.k(), lowering.n()].map(|size| size as u64),
            groups: lowering.groups() as u64,
            weights: match (computed, resident) {
                (true, _) => WeightSource::Computed,
                (false, Some(_)) => WeightSource::Resident,
                (false, None) => WeightSource::Streamed,
            },
            products,
            readings: u64::from(runs),
            shape: layer_shape(op, &lowering, shape),
        })
    }

    /// A group's product; `None` if no weight of it is left.
    fn product(&self, form: &Form<'_>, group: &Group) -> Result<Option<Product>, EstimateError> {
        let packing = &group.packing;
        if packing.rows.is_empty() || packing.columns.is_empty() {
            return Ok(None);
        }
        Ok(Some(Product {
            m: form.lowering.rows(),
            k: packing.rows.len(),
            n: packing.columns.len(),
            segments: form.segments(packing)?,
            weights: Placement::of(group.layout, self.residency.used(), self.config),
            image: form.image(packing),
            requantize: form.requantize()?,
        }))
    }
}

/// A layer as other accelerators' models take it.
fn layer_shape(op: &Op, lowering: &Lowering<'_>, input: &[usize]) -> Option<LayerShape> {
    let wide = |sizes: [usize; 2]| sizes.map(|size| size as u64);
    let layer = op.array_layer()?;
    let (kind, batch) = match op {
        Op::Conv(conv) => {
            let [batch, channels, height, width] = conv.image_shape(input)?;
            if conv.window.dilations != [1, 1] {
                return None;
            }
            let kind = LayerKind::Conv(layers::Conv {
                input: wide([height, width]),
                kernel: wide(conv.window.kernel),
                channels: channels as u64,
                filters: layer.out_channels as u64,
                strides: wide(conv.window.strides),
                padding: conv.window.pads([height, width])?.map(|pad| pad as u64),
                groups: conv.group as u64,
            });
            (kind, batch as u64)
        }
        _ => {
            let [m, k, n] = [lowering.rows(), lowering.k(), lowering.n()].map(|size| size as u64);
            (LayerKind::Gemm(layers::Gemm { m, n, k, groups: 1, right: RightOperand::Weights }), 1)
        }
    };
    LayerShape::new(&layer.name, kind, batch).ok()
}
