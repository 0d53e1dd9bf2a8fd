//! Shapes: known sizes, symbols, and the rule of each operator.
//!
//! One set of rules serves import (symbolic batch) and execution (all sizes fixed).

use std::collections::HashMap;

use super::{Network, NetworkError, Op};

/// Most elements a tensor may have: hostile sizes are refused before memory is asked for. 2^28 float32 are 1 GiB.
pub const MAX_ELEMENTS: usize = 1 << 28;

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

/// Shape of an operation's output.
///
/// # Errors
/// A sentence: what is wrong with the input shape and what would be right.
pub(crate) fn infer(op: &Op, input: &[Dim]) -> Result<Vec<Dim>, String> {
    let output = match op {
        Op::Quantize(quantize) => per_axis(quantize.axis, quantize.scales.len(), input)?,
        Op::Dequantize(dequantize) => per_axis(dequantize.0.axis, dequantize.0.scales.len(), input)?,
        Op::Relu(_) => input.to_vec(),
        Op::Flatten(flatten) => flattened(flatten.axis, input)?,
        Op::Gemm(gemm) => match input {
            [rows, k] if k.fixed().is_none_or(|k| k == gemm.layer.k) => {
                vec![rows.clone(), Dim::Fixed(gemm.layer.out_channels)]
            }
            _ => return Err(format!("expected [rows, {}]; insert a Flatten or Reshape before it", gemm.layer.k)),
        },
        Op::Conv(conv) => match input {
            [batch, channels, height, width] if channels.fixed().is_none_or(|c| c == conv.in_channels) => {
                let size = match (height, width) {
                    (Dim::Fixed(height), Dim::Fixed(width)) => conv.output_size([*height, *width])?.map(Dim::Fixed),
                    _ => [Dim::Unknown, Dim::Unknown],
                };
                let [height, width] = size;
                vec![batch.clone(), Dim::Fixed(conv.layer.out_channels), height, width]
            }
            _ => {
                let expected: Vec<_> = conv.expected_input().iter().map(ToString::to_string).collect();
                return Err(format!("expected [{}]", expected.join(", ")));
            }
        },
    };
    let known = output.iter().filter_map(Dim::fixed);
    match known.filter(|&size| size != 0).try_fold(1usize, |product, size| product.checked_mul(size)) {
        Some(elements) if elements <= MAX_ELEMENTS => Ok(output),
        _ => Err(format!("the output would have more than {MAX_ELEMENTS} elements; run smaller inputs")),
    }
}

fn per_axis(axis: Option<usize>, scales: usize, input: &[Dim]) -> Result<Vec<Dim>, String> {
    match axis {
        None => Ok(input.to_vec()),
        Some(axis) => match input.get(axis) {
            Some(Dim::Fixed(size)) if *size != scales => {
                Err(format!("{scales} scales for axis {axis} of size {size}; there must be as many"))
            }
            Some(_) => Ok(input.to_vec()),
            None => Err(format!("scales belong to axis {axis}, which does not exist")),
        },
    }
}

fn flattened(axis: i64, input: &[Dim]) -> Result<Vec<Dim>, String> {
    let rank = input.len() as i64;
    let at = if axis < 0 { axis.saturating_add(rank) } else { axis };
    match usize::try_from(at) {
        Ok(at) if at <= input.len() => {
            let (before, after) = input.split_at(at);
            Ok(vec![product(before)?, product(after)?])
        }
        _ => Err(format!("axis {axis} is outside -{rank} to {rank}")),
    }
}

fn product(dims: &[Dim]) -> Result<Dim, String> {
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

/// Fixes every dimension of a network, given its inputs' shapes.
pub(super) fn bind(network: &Network, inputs: &[Vec<usize>]) -> Result<Vec<Vec<usize>>, NetworkError> {
    if inputs.len() != network.inputs.len() {
        let names = network.inputs.iter().map(|&id| network.tensor(id).name.clone()).collect();
        return Err(NetworkError::InputCount { expected: network.inputs.len(), found: inputs.len(), names });
    }
    let mut shapes: Vec<Option<Vec<usize>>> =
        network.tensors.iter().map(|info| info.constant.as_ref().map(|value| value.shape().to_vec())).collect();
    let mut symbols = HashMap::new();
    for (&id, shape) in network.inputs.iter().zip(inputs) {
        let info = network.tensor(id);
        if let Some(declared) = &info.shape {
            check_declared(&info.name, declared, shape, &mut symbols)?;
        }
        shapes[id.0] = Some(shape.clone());
    }
    for node in &network.nodes {
        let input = node.inputs.first().and_then(|id| shapes[id.0].clone()).unwrap_or_default();
        let dims: Vec<Dim> = input.into_iter().map(Dim::Fixed).collect();
        let refuse = |problem: String| NetworkError::Shape {
            node: node.name.clone(),
            operator: node.op.kind(),
            shape: dims.clone(),
            problem,
        };
        let output = infer(&node.op, &dims).map_err(refuse)?;
        // All inputs are fixed, so every rule above yields fixed sizes.
        shapes[node.output.0] = Some(output.iter().map(|dim| dim.fixed().unwrap_or(0)).collect());
    }
    Ok(shapes.into_iter().map(Option::unwrap_or_default).collect())
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
