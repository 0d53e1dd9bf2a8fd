//! Gather: slices along an axis, chosen by indices.

use super::{HostOperator, Operand, Outline, known, tensor};
use crate::network::shape::{Known, axis};
use crate::network::{DType, TensorData};

/// `output[.., indices.., ..] = data[.., index, ..]` along this axis; indices count from the end if negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gather {
    /// ONNX's axis.
    pub axis: i64,
}

impl HostOperator for Gather {
    fn kind(&self) -> &'static str {
        "Gather"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let (data, indices) = (known(inputs, 0)?, known(inputs, 1)?);
        if !matches!(indices.dtype, DType::I64 | DType::I32) {
            return Err(format!("indices of {}, expected int64 or int32", indices.dtype));
        }
        let (Some(dims), Some(chosen)) = (&data.dims, &indices.dims) else { return Ok(vec![Known::shaped(data.dtype, None)]) };
        let at = axis(self.axis, dims.len())?;
        let output = dims[..at].iter().chain(chosen).chain(&dims[at + 1..]).cloned().collect();
        Ok(vec![Known::shaped(data.dtype, Some(output))])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], _: &[Outline]) -> Result<Vec<TensorData>, String> {
        let (data, indices) = (tensor(inputs, 0)?, tensor(inputs, 1)?);
        let at = axis(self.axis, data.shape().len())?;
        let (outer, size) = (data.shape()[..at].iter().product::<usize>(), data.shape()[at]);
        let inner: usize = data.shape()[at + 1..].iter().product();
        let index = |&index: &i64| {
            let found = if index < 0 { index.saturating_add(size as i64) } else { index };
            let found = usize::try_from(found).ok().filter(|&found| found < size);
            found.ok_or_else(|| format!("index {index} of an axis of size {size}; expected -{size} to {}", size as i64 - 1))
        };
        let chosen = indices.i64s().unwrap_or_default().iter().map(index).collect::<Result<Vec<_>, _>>()?;
        let chosen = &chosen;
        let from = (0..outer).flat_map(|o| chosen.iter().flat_map(move |&c| (0..inner).map(move |i| (o * size + c) * inner + i)));
        Ok(vec![data.data().gather(from)])
    }

    fn keeps_integers(&self) -> bool {
        true
    }
}
