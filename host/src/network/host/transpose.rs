//! Transpose and Expand: every element from one place of the input.

use super::{HostOperator, Operand, Outline, known, known_list, places, strides, tensor};
use crate::network::shape::{Known, broadcast};
use crate::network::{Dim, TensorData};

/// Dimension `i` of the output is dimension `permutation[i]` of the input; reversed if there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transpose {
    /// The permutation.
    pub permutation: Option<Vec<usize>>,
}

impl Transpose {
    fn of_rank(&self, rank: usize) -> Result<Vec<usize>, String> {
        let Some(permutation) = &self.permutation else { return Ok((0..rank).rev().collect()) };
        let mut sorted = permutation.clone();
        sorted.sort_unstable();
        if sorted.iter().copied().eq(0..rank) {
            Ok(permutation.clone())
        } else {
            Err(format!("perm {permutation:?} for {rank} dimensions; expected each of them once"))
        }
    }
}

impl HostOperator for Transpose {
    fn kind(&self) -> &'static str {
        "Transpose"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let input = known(inputs, 0)?;
        let dims = match &input.dims {
            Some(dims) => Some(self.of_rank(dims.len())?.iter().map(|&at| dims[at].clone()).collect()),
            None => None,
        };
        Ok(vec![Known::shaped(input.dtype, dims)])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], outputs: &[Outline]) -> Result<Vec<TensorData>, String> {
        let input = tensor(inputs, 0)?;
        let Some(output) = outputs.first() else { return Ok(Vec::new()) };
        let steps = strides(input.shape());
        let steps: Vec<usize> = self.of_rank(input.shape().len())?.iter().map(|&at| steps[at]).collect();
        let from = places(&output.shape, |at| at.iter().zip(&steps).map(|(at, step)| at * step).sum::<usize>());
        Ok(vec![input.data().gather(from.into_iter())])
    }

    fn keeps_integers(&self) -> bool {
        true
    }
}

/// Repeated along dimensions of size 1, to the shape in input 1, by NumPy's rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expand;

impl HostOperator for Expand {
    fn kind(&self) -> &'static str {
        "Expand"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let input = known(inputs, 0)?;
        known(inputs, 1)?;
        let (Some(dims), (Some(shape), _)) = (&input.dims, known_list(inputs, 1)?) else {
            return Ok(vec![Known::shaped(input.dtype, None)]);
        };
        let size =
            |&size: &i64| usize::try_from(size).map(Dim::Fixed).map_err(|_| format!("shape {shape:?}; sizes are 0 and more"));
        let shape: Vec<Dim> = shape.iter().map(size).collect::<Result<_, _>>()?;
        Ok(vec![Known::shaped(input.dtype, Some(broadcast(dims, &shape)?))])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], outputs: &[Outline]) -> Result<Vec<TensorData>, String> {
        let input = tensor(inputs, 0)?;
        let Some(output) = outputs.first() else { return Ok(Vec::new()) };
        Ok(vec![input.data().gather(repeated(input.shape(), &output.shape).into_iter())])
    }

    fn keeps_integers(&self) -> bool {
        true
    }
}

/// Where each element of a broadcast shape comes from in a tensor of shape `from`.
pub(super) fn repeated(from: &[usize], to: &[usize]) -> Vec<usize> {
    let missing = to.len().saturating_sub(from.len());
    let steps: Vec<usize> = strides(from).into_iter().zip(from).map(|(step, &size)| if size == 1 { 0 } else { step }).collect();
    places(to, |at| at.iter().skip(missing).zip(&steps).map(|(at, step)| at * step).sum())
}
