//! Split: a tensor cut into parts along an axis.

use super::{HostOperator, Operand, Outline, known, known_list, tensor};
use crate::network::shape::{Known, axis};
use crate::network::{Dim, TensorData};

/// Parts whose sizes stand in input 1, or as equal as can be, the last the smallest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// ONNX's axis.
    pub axis: i64,
    /// Number of parts.
    pub parts: usize,
}

impl Split {
    fn sizes(&self, size: usize, given: Option<&[i64]>) -> Result<Vec<usize>, String> {
        let Some(given) = given else {
            let each = size.div_ceil(self.parts.max(1));
            return Ok((0..self.parts).map(|part| each.min(size.saturating_sub(part * each))).collect());
        };
        let sizes: Option<Vec<usize>> = given.iter().map(|&size| usize::try_from(size).ok()).collect();
        match sizes {
            Some(sizes)
                if sizes.len() == self.parts && sizes.iter().try_fold(0usize, |sum, &n| sum.checked_add(n)) == Some(size) =>
            {
                Ok(sizes)
            }
            _ => Err(format!("split {given:?} into {} parts of an axis of size {size}; they must add up to it", self.parts)),
        }
    }
}

impl HostOperator for Split {
    fn kind(&self) -> &'static str {
        "Split"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let input = known(inputs, 0)?;
        let (given, sure) = known_list(inputs, 1)?;
        let Some(dims) = &input.dims else { return Ok(vec![Known::shaped(input.dtype, None); self.parts]) };
        let at = axis(self.axis, dims.len())?;
        let sizes: Vec<Dim> = match dims[at] {
            Dim::Fixed(size) if sure => self.sizes(size, given.as_deref())?.into_iter().map(Dim::Fixed).collect(),
            _ => vec![Dim::Unknown; self.parts],
        };
        let part = |size| {
            let mut dims = dims.clone();
            dims[at] = size;
            Known::shaped(input.dtype, Some(dims))
        };
        Ok(sizes.into_iter().map(part).collect())
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], outputs: &[Outline]) -> Result<Vec<TensorData>, String> {
        let input = tensor(inputs, 0)?;
        let at = axis(self.axis, input.shape().len())?;
        let outer: usize = input.shape()[..at].iter().product();
        let row: usize = input.shape()[at..].iter().product();
        let mut first = 0;
        let mut parts = Vec::with_capacity(outputs.len());
        for output in outputs {
            let inner: usize = output.shape[at..].iter().product();
            let from = (0..outer).flat_map(|o| (0..inner).map(move |i| o * row + first + i));
            parts.push(input.data().gather(from));
            first += inner;
        }
        Ok(parts)
    }

    fn keeps_integers(&self) -> bool {
        true
    }
}
