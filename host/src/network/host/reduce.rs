//! ReduceMean, ReduceSum and ReduceMax over the axes in input 1, or over all.

use super::{HostOperator, Operand, Outline, expect_float, floats, known, known_list, list, tensor};
use crate::network::float::reduce::{Reduction, reduce};
use crate::network::shape::{Known, axis};
use crate::network::{DType, Dim, TensorData};

/// Threads that the order of onnxruntime's sums is that of: see [`reduce`].
const THREADS: usize = 1;

/// A reduction of float32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reduce {
    /// What is computed.
    pub reduction: Reduction,
    /// Whether reduced dimensions stay, with size 1.
    pub keep_dims: bool,
    /// Whether an empty list of axes means none; otherwise it means all.
    pub empty_means_none: bool,
}

impl Reduce {
    /// Which axes are reduced.
    fn flags(&self, axes: Option<&[i64]>, rank: usize) -> Result<Vec<bool>, String> {
        let mut flags = vec![false; rank];
        match axes {
            None | Some([]) => flags.fill(!self.empty_means_none),
            Some(axes) => {
                for &at in axes {
                    flags[axis(at, rank)?] = true;
                }
            }
        }
        Ok(flags)
    }
}

impl HostOperator for Reduce {
    fn kind(&self) -> &'static str {
        match self.reduction {
            Reduction::Mean => "ReduceMean",
            Reduction::Sum => "ReduceSum",
            Reduction::Max => "ReduceMax",
        }
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let input = known(inputs, 0)?;
        expect_float(input)?;
        let (axes, sure) = known_list(inputs, 1)?;
        let Some(dims) = input.dims.as_ref().filter(|_| sure) else { return Ok(vec![Known::shaped(DType::F32, None)]) };
        let flags = self.flags(axes.as_deref(), dims.len())?;
        if dims.iter().zip(&flags).any(|(dim, &reduced)| reduced && *dim == Dim::Fixed(0)) {
            return Err("a reduction of no elements".into());
        }
        let dim = |(dim, reduced): (&Dim, bool)| match (reduced, self.keep_dims) {
            (false, _) => Some(dim.clone()),
            (true, true) => Some(Dim::Fixed(1)),
            (true, false) => None,
        };
        Ok(vec![Known::shaped(DType::F32, Some(dims.iter().zip(flags).filter_map(dim).collect()))])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], outputs: &[Outline]) -> Result<Vec<TensorData>, String> {
        let values = floats(inputs, 0)?;
        let shape = tensor(inputs, 0)?.shape();
        let Some(outline) = outputs.first() else { return Ok(Vec::new()) };
        let flags = self.flags(list(inputs, 1)?.as_deref(), shape.len())?;
        let mut result = vec![0.0; outline.elements()];
        reduce(self.reduction, values, shape, &flags, THREADS, &mut result);
        Ok(vec![TensorData::F32(result)])
    }
}
