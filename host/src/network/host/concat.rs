//! Concat: tensors of one type behind one another along an axis.

use super::{HostOperator, Operand, Outline, known, tensor};
use crate::network::shape::{Known, axis};
use crate::network::{Dim, TensorData};

/// Along this axis, counted from the end if negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concat {
    /// ONNX's axis.
    pub axis: i64,
}

impl HostOperator for Concat {
    fn kind(&self) -> &'static str {
        "Concat"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let first = known(inputs, 0)?;
        let mut output = first.dims.clone();
        for index in 1..inputs.len() {
            let next = known(inputs, index)?;
            if next.dtype != first.dtype {
                return Err(format!("inputs of {} and {}; expected one type", first.dtype, next.dtype));
            }
            output = match (output, &next.dims) {
                (Some(dims), Some(next)) => Some(joined(&dims, next, self.axis)?),
                _ => None,
            };
        }
        if let Some(dims) = &output {
            axis(self.axis, dims.len())?;
        }
        Ok(vec![Known::shaped(first.dtype, output)])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], outputs: &[Outline]) -> Result<Vec<TensorData>, String> {
        let Some(output) = outputs.first() else { return Ok(Vec::new()) };
        let at = axis(self.axis, output.shape.len())?;
        let outer: usize = output.shape[..at].iter().product();
        let mut data = TensorData::empty(tensor(inputs, 0)?.dtype());
        for row in 0..outer {
            for index in 0..inputs.len() {
                let part = tensor(inputs, index)?;
                let inner: usize = part.shape()[at..].iter().product();
                data.extend(&part.data().gather(row * inner..(row + 1) * inner));
            }
        }
        Ok(vec![data])
    }

    fn keeps_integers(&self) -> bool {
        true
    }
}

fn joined(a: &[Dim], b: &[Dim], along: i64) -> Result<Vec<Dim>, String> {
    let along = axis(along, a.len())?;
    if a.len() != b.len() {
        return Err(format!("inputs of {} and {} dimensions; expected as many", a.len(), b.len()));
    }
    let dim = |(index, (a, b)): (usize, (&Dim, &Dim))| match (a, b) {
        (Dim::Fixed(a), Dim::Fixed(b)) if index == along => a.checked_add(*b).map(Dim::Fixed).ok_or("sizes overflow".to_string()),
        _ if index == along => Ok(Dim::Unknown),
        (Dim::Fixed(a), Dim::Fixed(b)) if a != b => Err(format!("axis {index} is {a} in one input and {b} in another")),
        (Dim::Fixed(_), _) => Ok(a.clone()),
        _ => Ok(b.clone()),
    };
    a.iter().zip(b).enumerate().map(dim).collect()
}
