//! Changes of shape that move no data: Reshape, Flatten, Squeeze and Unsqueeze.

use super::{HostOperator, Operand, Outline, known, known_list, tensor};
use crate::network::shape::{Known, axis, product};
use crate::network::{Dim, TensorData};

fn same_data(inputs: &[Option<Operand<'_>>]) -> Result<Vec<TensorData>, String> {
    Ok(vec![tensor(inputs, 0)?.data().clone()])
}

/// To the shape in input 1: 0 keeps a dimension (unless `allow_zero`), -1 takes what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reshape {
    /// Whether 0 means a dimension of size 0.
    pub allow_zero: bool,
}

impl Reshape {
    fn dims(self, input: &[Dim], shape: &[i64]) -> Result<Vec<Dim>, String> {
        let mut dims = Vec::with_capacity(shape.len());
        let mut open = None;
        for (index, &size) in shape.iter().enumerate() {
            dims.push(match size {
                0 if !self.allow_zero => {
                    let kept = input.get(index).cloned();
                    kept.ok_or_else(|| format!("shape {shape:?} keeps dimension {index}, which the input does not have"))?
                }
                -1 if open.replace(index).is_some() => {
                    return Err(format!("shape {shape:?} has two -1; give one of them a size"));
                }
                -1 => Dim::Unknown,
                size => Dim::Fixed(usize::try_from(size).map_err(|_| format!("shape {shape:?}; sizes are -1, 0 and more"))?),
            });
        }
        let Some(open) = open else {
            if let (Dim::Fixed(from), Dim::Fixed(to)) = (product(input)?, product(&dims)?)
                && from != to
            {
                return Err(format!("{from} elements do not fit shape {shape:?}"));
            }
            return Ok(dims);
        };
        // Dimensions that stand on both sides cancel, sizes that are not known with them.
        let mut rest: Vec<Dim> = input.to_vec();
        let mut others: Vec<Dim> =
            dims.iter().enumerate().filter(|(index, _)| *index != open).map(|(_, dim)| dim.clone()).collect();
        others.retain(|dim| match rest.iter().position(|other| other == dim && *dim != Dim::Unknown && dim.fixed() != Some(0)) {
            Some(at) => {
                rest.remove(at);
                false
            }
            None => true,
        });
        dims[open] = match (product(&rest)?, product(&others)?) {
            (Dim::Fixed(_), Dim::Fixed(0)) => Dim::Fixed(0),
            (Dim::Fixed(from), Dim::Fixed(to)) if from % to == 0 => Dim::Fixed(from / to),
            (Dim::Fixed(from), Dim::Fixed(to)) => {
                return Err(format!("{from} elements cannot be cut into parts of {to} (shape {shape:?})"));
            }
            (rest, Dim::Fixed(1)) => rest,
            _ => Dim::Unknown,
        };
        Ok(dims)
    }
}

impl HostOperator for Reshape {
    fn kind(&self) -> &'static str {
        "Reshape"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let input = known(inputs, 0)?;
        let shape = known(inputs, 1)?;
        let dims = match (&input.dims, known_list(inputs, 1)?.0) {
            (Some(dims), Some(shape)) => Some(self.dims(dims, &shape)?),
            // The number of dimensions may be known where the sizes are not.
            _ => match shape.dims.as_deref() {
                Some([Dim::Fixed(rank)]) if *rank <= 16 => Some(vec![Dim::Unknown; *rank]),
                _ => None,
            },
        };
        Ok(vec![Known::shaped(input.dtype, dims)])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], _: &[Outline]) -> Result<Vec<TensorData>, String> {
        same_data(inputs)
    }

    fn keeps_integers(&self) -> bool {
        true
    }
}

/// To two dimensions: those before `axis`, and the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flatten {
    /// ONNX's axis, `-rank` to `rank`.
    pub axis: i64,
}

impl HostOperator for Flatten {
    fn kind(&self) -> &'static str {
        "Flatten"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let input = known(inputs, 0)?;
        let Some(dims) = &input.dims else { return Ok(vec![Known::shaped(input.dtype, Some(vec![Dim::Unknown; 2]))]) };
        let rank = dims.len() as i64;
        let at = if self.axis < 0 { self.axis.saturating_add(rank) } else { self.axis };
        match usize::try_from(at) {
            Ok(at) if at <= dims.len() => {
                let (before, after) = dims.split_at(at);
                Ok(vec![Known::shaped(input.dtype, Some(vec![product(before)?, product(after)?]))])
            }
            _ => Err(format!("axis {} is outside -{rank} to {rank}", self.axis)),
        }
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], _: &[Outline]) -> Result<Vec<TensorData>, String> {
        same_data(inputs)
    }

    fn keeps_integers(&self) -> bool {
        true
    }
}

/// Without dimensions of size 1: those that input 1 names, or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Squeeze;

/// With dimensions of size 1 where input 1 says they stand in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsqueeze;

impl HostOperator for Squeeze {
    fn kind(&self) -> &'static str {
        "Squeeze"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let input = known(inputs, 0)?;
        let (axes, sure) = known_list(inputs, 1)?;
        let dims = match (&input.dims, axes) {
            (Some(dims), Some(axes)) => {
                let axes: Vec<usize> = axes.iter().map(|&at| axis(at, dims.len())).collect::<Result<_, _>>()?;
                if let Some(&bad) = axes.iter().find(|&&at| dims[at].fixed().is_some_and(|size| size != 1)) {
                    return Err(format!("axis {bad} has size {}, expected 1", dims[bad]));
                }
                let kept = dims.iter().enumerate().filter(|(at, _)| !axes.contains(at));
                Some(kept.map(|(_, dim)| dim.clone()).collect())
            }
            (Some(dims), None) if sure && dims.iter().all(|dim| dim.fixed().is_some()) => {
                Some(dims.iter().filter(|dim| **dim != Dim::Fixed(1)).cloned().collect())
            }
            _ => None,
        };
        Ok(vec![Known::shaped(input.dtype, dims)])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], _: &[Outline]) -> Result<Vec<TensorData>, String> {
        same_data(inputs)
    }

    fn keeps_integers(&self) -> bool {
        true
    }
}

impl HostOperator for Unsqueeze {
    fn kind(&self) -> &'static str {
        "Unsqueeze"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let input = known(inputs, 0)?;
        known(inputs, 1)?;
        let (Some(dims), (Some(axes), _)) = (&input.dims, known_list(inputs, 1)?) else {
            return Ok(vec![Known::shaped(input.dtype, None)]);
        };
        let rank = dims.len() + axes.len();
        let axes: Vec<usize> = axes.iter().map(|&at| axis(at, rank)).collect::<Result<_, _>>()?;
        let mut rest = dims.iter().cloned();
        let output: Vec<Dim> =
            (0..rank).filter_map(|at| if axes.contains(&at) { Some(Dim::Fixed(1)) } else { rest.next() }).collect();
        if output.len() != rank {
            return Err(format!("axes {axes:?} name a dimension twice"));
        }
        Ok(vec![Known::shaped(input.dtype, Some(output))])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], _: &[Outline]) -> Result<Vec<TensorData>, String> {
        same_data(inputs)
    }

    fn keeps_integers(&self) -> bool {
        true
    }
}
