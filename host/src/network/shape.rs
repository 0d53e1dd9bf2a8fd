//! Shapes: known sizes, symbols, and what is known about a value before any data is there.
//!
//! One set of rules serves import (symbolic batch) and execution (all sizes fixed): each operation infers what is known about its
//! outputs from what is known about its inputs. Small integer tensors carry their values along, so that a shape that the graph
//! computes (`Shape`, `Gather`, `Concat`, `Reshape`) is known wherever its parts are.

use std::collections::HashMap;
use std::sync::Arc;

use super::{DType, Network, NetworkError, Op, Tensor, TensorInfo};

/// Most elements a tensor may have: hostile sizes are refused before memory is asked for. 2^28 float32 are 1 GiB.
pub const MAX_ELEMENTS: usize = 1 << 28;
/// Most dimensions of a tensor: operators copy shapes, and a few bytes could ask for many long ones.
pub const MAX_RANK: usize = 16;
/// Most elements of a computed tensor whose value is carried along.
const CARRIED: usize = 1024;

/// One dimension of a shape.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Dim {
    /// A size.
    Fixed(usize),
    /// A named size, equal wherever the name is (`batch`).
    Symbolic(String),
    /// Not known before the inputs are.
    Unknown,
}

impl Dim {
    /// The size, if it is known.
    pub fn fixed(&self) -> Option<usize> {
        match self {
            Dim::Fixed(size) => Some(*size),
            _ => None,
        }
    }
}

impl std::fmt::Display for Dim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Dim::Fixed(size) => write!(f, "{size}"),
            Dim::Symbolic(name) => write!(f, "{}", name.escape_debug()),
            Dim::Unknown => f.write_str("?"),
        }
    }
}

/// What is known about a tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// Element type.
    pub dtype: DType,
    /// Dimensions, or `None` if not even their number is known.
    pub dims: Option<Vec<Dim>>,
    /// The value, if it is.
    pub value: Option<Arc<Tensor>>,
}

impl Known {
    /// A type and a shape.
    pub fn shaped(dtype: DType, dims: Option<Vec<Dim>>) -> Self {
        Self { dtype, dims, value: None }
    }

    /// A tensor that is there.
    pub fn of(tensor: &Arc<Tensor>) -> Self {
        let dims = tensor.shape().iter().map(|&size| Dim::Fixed(size)).collect();
        Self { dtype: tensor.dtype(), dims: Some(dims), value: Some(tensor.clone()) }
    }

    /// Every size, if all are known.
    pub fn sizes(&self) -> Option<Vec<usize>> {
        self.dims.as_ref()?.iter().map(Dim::fixed).collect()
    }

    /// The value as integers, if it is known and integers.
    pub fn integers(&self) -> Option<Vec<i64>> {
        self.value.as_ref()?.i64s()
    }
}

impl From<&TensorInfo> for Known {
    fn from(info: &TensorInfo) -> Self {
        match &info.constant {
            Some(constant) => Self::of(constant),
            None => Self::shaped(info.dtype, info.shape.clone()),
        }
    }
}

/// What is known about an operation's outputs, values of small computed tensors included.
///
/// # Errors
/// A sentence: what is wrong with the inputs and what would be right.
pub(crate) fn infer_values(op: &Op, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
    let mut outputs = infer(op, inputs)?;
    if let Op::Host(host) = op {
        carry(host.as_ref(), inputs, &mut outputs)?;
    }
    Ok(outputs)
}

/// Types and shapes of an operation's outputs.
///
/// # Errors
/// A sentence: what is wrong with the inputs and what would be right.
pub(crate) fn infer(op: &Op, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
    let first = || inputs.first().and_then(Option::as_ref).ok_or("the first input is missing");
    let layer = |dims: Option<Result<Vec<Dim>, String>>| -> Result<Vec<Known>, String> {
        let dtype = op.array_layer().map_or(DType::F32, |layer| layer.output.dtype());
        Ok(vec![Known::shaped(dtype, dims.transpose()?)])
    };
    let outputs = match op {
        Op::Gemm(gemm) => layer(first()?.dims.as_deref().map(|dims| gemm.infer(dims)))?,
        Op::Conv(conv) => layer(first()?.dims.as_deref().map(|dims| conv.infer(dims)))?,
        Op::MatMul(_) => {
            let second = inputs.get(1).and_then(Option::as_ref).ok_or("the second input is missing")?;
            layer(first()?.dims.as_deref().zip(second.dims.as_deref()).map(|(a, b)| super::matmul::infer(a, b)))?
        }
        Op::Host(host) => host.infer(inputs)?,
    };
    bounded(&outputs)?;
    Ok(outputs)
}

/// Refuses shapes that would take more memory or time than they can be worth. Sizes beside a zero count too, so that no product of
/// some of them overflows.
///
/// # Errors
/// Which bound, and what to do.
pub(crate) fn bounded(outputs: &[Known]) -> Result<(), String> {
    for dims in outputs.iter().filter_map(|output| output.dims.as_ref()) {
        if dims.len() > MAX_RANK {
            return Err(format!(
                "the output would have {} dimensions, more than {MAX_RANK}; leave out those of size 1",
                dims.len()
            ));
        }
        let mut known = dims.iter().filter_map(Dim::fixed).filter(|&size| size != 0);
        match known.try_fold(1usize, |product, size| product.checked_mul(size)) {
            Some(elements) if elements <= MAX_ELEMENTS => {}
            _ => return Err(format!("the output would have more than {MAX_ELEMENTS} elements; run smaller inputs")),
        }
    }
    Ok(())
}

/// Computes small outputs whose inputs are all known.
fn carry(host: &dyn super::host::HostOperator, inputs: &[Option<Known>], outputs: &mut [Known]) -> Result<(), String> {
    // What bytes hold follows from the width of their quantizer, or of a plan, which is not known here.
    if inputs.iter().flatten().chain(outputs.iter()).any(|known| known.dtype.is_byte()) {
        return Ok(());
    }
    let sizes: Option<Vec<Vec<usize>>> = outputs.iter().map(Known::sizes).collect();
    let Some(sizes) = sizes.filter(|_| outputs.iter().any(|output| output.value.is_none())) else { return Ok(()) };
    let small = |sizes: &Vec<usize>| sizes.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).is_some_and(|n| n <= CARRIED);
    let values: Option<Vec<Option<Arc<Tensor>>>> = inputs
        .iter()
        .map(|input| match input {
            None => Some(None),
            Some(known) => known.value.clone().filter(|value| small(&value.shape().to_vec())).map(Some),
        })
        .collect();
    let Some(values) = values.filter(|_| !inputs.is_empty() && sizes.iter().all(small)) else { return Ok(()) };
    let operands: Vec<_> = values.iter().map(|value| value.as_ref().map(|tensor| super::host::Operand::whole(tensor))).collect();
    let outlines: Vec<_> = sizes.iter().map(|shape| super::host::Outline { shape: shape.clone(), bits: 8 }).collect();
    for ((output, data), shape) in outputs.iter_mut().zip(host.compute(&operands, &outlines)?).zip(sizes) {
        output.value = Some(Arc::new(Tensor::new(shape, data).map_err(|error| error.to_string())?));
    }
    Ok(())
}

/// Product of some dimensions.
///
/// # Errors
/// If sizes overflow.
pub(crate) fn product(dims: &[Dim]) -> Result<Dim, String> {
    let mut fixed = 1usize;
    let mut open = None;
    for dim in dims {
        match dim {
            Dim::Fixed(size) => fixed = fixed.checked_mul(*size).ok_or("sizes overflow")?,
            other if open.is_none() => open = Some(other.clone()),
            _ => open = Some(Dim::Unknown),
        }
    }
    Ok(match open {
        None => Dim::Fixed(fixed),
        Some(dim) if fixed == 1 => dim,
        Some(_) => Dim::Unknown,
    })
}

/// An axis counted from the end if it is negative.
///
/// # Errors
/// If there is no such axis.
pub(crate) fn axis(axis: i64, rank: usize) -> Result<usize, String> {
    let at = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
    let found = usize::try_from(at).ok().filter(|&at| at < rank);
    found.ok_or_else(|| format!("axis {axis} does not exist; the axes of {rank} dimensions are -{rank} to {}", rank as i64 - 1))
}

/// Shapes that NumPy's rules broadcast to one.
///
/// # Errors
/// If they do not fit.
pub(crate) fn broadcast(a: &[Dim], b: &[Dim]) -> Result<Vec<Dim>, String> {
    let rank = a.len().max(b.len());
    let one = Dim::Fixed(1);
    let at = |dims: &[Dim], index: usize| (index + dims.len()).checked_sub(rank).map_or(one.clone(), |i| dims[i].clone());
    (0..rank)
        .map(|index| match (at(a, index), at(b, index)) {
            (Dim::Fixed(1), other) | (other, Dim::Fixed(1)) => Ok(other),
            (Dim::Fixed(a), Dim::Fixed(b)) if a != b => {
                Err(format!("sizes {a} and {b} do not broadcast; give equal sizes, or 1"))
            }
            (Dim::Fixed(size), _) | (_, Dim::Fixed(size)) => Ok(Dim::Fixed(size)),
            (a, b) if a == b => Ok(a),
            _ => Ok(Dim::Unknown),
        })
        .collect()
}

/// Checks the inputs' shapes against the declared ones.
pub(super) fn check_inputs(network: &Network, inputs: &[Vec<usize>]) -> Result<(), NetworkError> {
    if inputs.len() != network.inputs.len() {
        let names = network.inputs.iter().map(|&id| network.tensor(id).name.clone()).collect();
        return Err(NetworkError::InputCount { expected: network.inputs.len(), found: inputs.len(), names });
    }
    let mut symbols = HashMap::new();
    for (&id, shape) in network.inputs.iter().zip(inputs) {
        let info = network.tensor(id);
        if let Some(declared) = &info.shape {
            check_declared(&info.name, declared, shape, &mut symbols)?;
        }
    }
    Ok(())
}

/// What is known about every tensor of a network, given its inputs' shapes.
pub(super) fn bind(network: &Network, inputs: &[Vec<usize>]) -> Result<Vec<Known>, NetworkError> {
    check_inputs(network, inputs)?;
    let mut known: Vec<Known> = network.tensors.iter().map(Known::from).collect();
    for (&id, shape) in network.inputs.iter().zip(inputs) {
        known[id.0].dims = Some(shape.iter().map(|&size| Dim::Fixed(size)).collect());
    }
    for node in &network.nodes {
        let inputs: Vec<Option<Known>> = node.inputs.iter().map(|id| id.map(|id| known[id.0].clone())).collect();
        let outputs = infer_values(&node.op, &inputs).map_err(|problem| node.refuse(&inputs, problem))?;
        for (&id, output) in node.outputs.iter().zip(outputs) {
            known[id.0] = output;
        }
    }
    Ok(known)
}

fn check_declared<'a>(
    name: &str,
    declared: &'a [Dim],
    shape: &[usize],
    symbols: &mut HashMap<&'a str, usize>,
) -> Result<(), NetworkError> {
    let mismatch = || NetworkError::InputShape { input: name.into(), found: shape.to_vec(), expected: declared.to_vec() };
    if declared.len() != shape.len() {
        return Err(mismatch());
    }
    for (dim, &size) in declared.iter().zip(shape) {
        match dim {
            Dim::Fixed(expected) if *expected != size => return Err(mismatch()),
            Dim::Symbolic(symbol) => {
                let first = *symbols.entry(symbol).or_insert(size);
                if first != size {
                    let (symbol, input) = (symbol.clone(), name.to_string());
                    return Err(NetworkError::Symbol { symbol, first, second: size, input });
                }
            }
            _ => {}
        }
    }
    Ok(())
}
