//! What becomes of one file: import, inference of shapes, a run of the reference; and the promises that hold for any file.

use crumb::network::{DType, Dim, Float32Arithmetic, Known, Network, Op, PrecisionPlan, Tensor, TensorData, run};
use crumb::onnx::import;

/// Most elements of a tensor, and most multiply-accumulates of a layer, that the reference is asked for.
const ELEMENTS: usize = 20_000;
const MACS: usize = 4_000_000;
/// Longest message: the list of all operators, and names from the file.
const MESSAGE: usize = 2_500;

/// How far a file got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The importer refused it.
    Refused,
    /// It was imported, but its shapes contradict each other for the inputs that were tried.
    NoShape,
    /// It was imported, but is too large to be run here, or sizes depend on data.
    NotRun,
    /// The reference refused to run it.
    RunRefused,
    /// It ran.
    Ran,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Refused, Self::NoShape, Self::NotRun, Self::RunRefused, Self::Ran];

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::NoShape => "imported, shapes refused",
            Self::NotRun => "imported, not run",
            Self::RunRefused => "imported, run refused",
            Self::Ran => "ran",
        }
    }
}

/// Imports and runs a file.
///
/// # Errors
/// A promise that does not hold, in words.
pub fn exercise(bytes: &[u8]) -> Result<Outcome, String> {
    let network = match import(bytes) {
        Ok(network) => network,
        Err(error) => return refusal(&error.to_string()).map(|()| Outcome::Refused),
    };
    consistent(&network)?;
    let shapes: Vec<Vec<usize>> =
        network.inputs.iter().map(|&id| input_shape(&network, network.tensor(id).shape.as_deref())).collect();
    if !shapes.iter().all(|shape| is_small(shape)) {
        return Ok(Outcome::NotRun);
    }
    let known = match network.known(&shapes) {
        Ok(known) => known,
        Err(error) => return message(&error.to_string()).map(|()| Outcome::NoShape),
    };
    let sizes: Vec<Option<Vec<usize>>> = known.iter().map(Known::sizes).collect();
    if !sizes.iter().all(|sizes| sizes.as_deref().is_some_and(is_small)) || !is_quick(&network, &sizes) {
        return Ok(Outcome::NotRun);
    }
    let inputs =
        network.inputs.iter().zip(shapes).map(|(&id, shape)| input(network.tensor(id).dtype, network.tensor(id).bits, shape));
    let Some(inputs) = inputs.collect::<Option<Vec<Tensor>>>() else { return Ok(Outcome::NotRun) };
    let execution = match run(&network, &inputs, &PrecisionPlan::default(), &Float32Arithmetic) {
        Ok(execution) => execution,
        Err(error) => return message(&error.to_string()).map(|()| Outcome::RunRefused),
    };
    for (id, tensor) in execution.tensors.iter().enumerate() {
        let Some(tensor) = tensor else { continue };
        let name = &network.tensors[id].name;
        if known[id].sizes().is_some_and(|sizes| sizes != tensor.shape()) {
            return Err(format!("tensor {name:?} has shape {:?}, but {:?} was inferred", tensor.shape(), known[id].dims));
        }
        if known[id].dtype != tensor.dtype() {
            return Err(format!("tensor {name:?} is {}, but {} was inferred", tensor.dtype(), known[id].dtype));
        }
        let value = known[id].value.as_ref().filter(|value| value.dtype() != DType::F32);
        if value.is_some_and(|value| !value.same_bits(tensor)) {
            return Err(format!("tensor {name:?} has another value than was inferred"));
        }
    }
    if execution.outputs().len() != network.outputs.len() {
        return Err(format!("{} of {} outputs were computed", execution.outputs().len(), network.outputs.len()));
    }
    Ok(Outcome::Ran)
}

/// A refusal says what was found, what is supported and what to do.
fn refusal(text: &str) -> Result<(), String> {
    message(text)?;
    let whole = text.starts_with("this is not an ONNX model: ") || (text.contains("found ") && text.contains("; supported: "));
    if whole { Ok(()) } else { Err(format!("a refusal that lacks a part: {text:?}")) }
}

/// Messages can be shown: of bounded length, on one line, with nothing that a terminal obeys.
fn message(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > MESSAGE {
        let start: String = text.chars().take(300).collect();
        return Err(format!("a message of {} bytes: {start}", text.len()));
    }
    match text.chars().find(|character| character.is_control()) {
        None => Ok(()),
        Some(control) => Err(format!("{control:?} in the message {text:?}")),
    }
}

/// Nodes read what is there before them, and every index is one of a tensor.
fn consistent(network: &Network) -> Result<(), String> {
    let mut there: Vec<bool> = network.tensors.iter().map(|info| info.constant.is_some()).collect();
    let mut define = |id: usize| there.get_mut(id).map(|there| std::mem::replace(there, true));
    for id in &network.inputs {
        define(id.0).ok_or("an input that is no tensor")?;
    }
    for node in &network.nodes {
        for id in node.inputs.iter().flatten() {
            if define(id.0) != Some(true) {
                return Err(format!("node {:?} reads tensor {} before it is there", node.name, id.0));
            }
        }
        for id in &node.outputs {
            if define(id.0) != Some(false) {
                return Err(format!("node {:?} writes tensor {} again", node.name, id.0));
            }
        }
    }
    match network.outputs.iter().find(|id| define(id.0) != Some(true)) {
        None => Ok(()),
        Some(id) => Err(format!("output {} is not computed", id.0)),
    }
}

/// A shape for an input: 2 for symbols, 1 for sizes that are not known.
fn input_shape(network: &Network, declared: Option<&[Dim]>) -> Vec<usize> {
    let size = |dim: &Dim| match dim {
        Dim::Fixed(size) => *size,
        Dim::Symbolic(_) => 2,
        Dim::Unknown => 1,
    };
    declared.map_or_else(|| vec![1; 1 + network.nodes.len() % 4], |dims| dims.iter().map(size).collect())
}

fn is_small(shape: &[usize]) -> bool {
    shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size)).is_some_and(|elements| elements <= ELEMENTS)
}

/// Whether all products of matrices together are small; all sizes are.
fn is_quick(network: &Network, sizes: &[Option<Vec<usize>>]) -> bool {
    let shape = |id: Option<&Option<crumb::network::TensorId>>| id.copied().flatten().and_then(|id| sizes[id.0].as_deref());
    let mut macs = 0usize;
    for node in &network.nodes {
        let output: usize = node.outputs.first().and_then(|id| sizes[id.0].as_ref()).map_or(1, |shape| shape.iter().product());
        let k = match &node.op {
            Op::Conv(_) | Op::Gemm(_) => node.op.array_layer().map_or(1, |layer| layer.k),
            Op::MatMul(_) => shape(node.inputs.first()).and_then(<[usize]>::last).copied().unwrap_or(1),
            Op::Host(host) if host.kind() == "MatMul" => {
                shape(node.inputs.first()).and_then(<[usize]>::last).copied().unwrap_or(1)
            }
            Op::Host(_) => 1,
        };
        macs = macs.saturating_add(output.saturating_mul(k));
    }
    macs <= MACS
}

/// An input: numbers on both sides of zero.
fn input(dtype: DType, bits: u8, shape: Vec<usize>) -> Option<Tensor> {
    let (low, high) = dtype.range(bits);
    let elements: usize = shape.iter().product();
    let values = (0..elements as i32).map(|index| index * 37 % 19 - 7);
    let data = match dtype {
        DType::F32 => TensorData::F32(values.map(|value| value as f32 * 0.31).collect()),
        DType::I8 | DType::U8 => TensorData::from_ints(dtype, values.map(|value| value.clamp(low, high)))?,
        DType::I32 => TensorData::I32(values.collect()),
        DType::I64 => TensorData::I64(values.map(|value| i64::from(value.rem_euclid(3))).collect()),
    };
    Tensor::new(shape, data).ok()
}
