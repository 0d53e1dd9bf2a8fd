//! Product of two float32 tensors, in onnxruntime's order of additions: the attention products of models whose layers are quantized
//! as they run.

use super::{HostOperator, Operand, Outline, expect_float, floats, known, tensor};
use crate::network::float::matmul_stack::Stack;
use crate::network::shape::Known;
use crate::network::{DType, Dim, TensorData, matmul};

/// Threads that the order of onnxruntime's sums is that of.
const THREADS: usize = 1;

/// `[.., m, k] x [.., k, n]`, leading dimensions broadcast as NumPy does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloatMatMul;

impl HostOperator for FloatMatMul {
    fn kind(&self) -> &'static str {
        "MatMul"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let (a, b) = (known(inputs, 0)?, known(inputs, 1)?);
        expect_float(a)?;
        expect_float(b)?;
        let dims: Option<Vec<Dim>> = match (&a.dims, &b.dims) {
            (Some(a), Some(b)) => Some(matmul::infer(a, b)?),
            _ => None,
        };
        Ok(vec![Known::shaped(DType::F32, dims)])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], _: &[Outline]) -> Result<Vec<TensorData>, String> {
        let (a, b) = (tensor(inputs, 0)?.shape(), tensor(inputs, 1)?.shape());
        let stack = Stack::new(a, b).ok_or_else(|| format!("{a:?} times {b:?}; the shapes do not fit"))?;
        let values = stack.run(floats(inputs, 0)?, floats(inputs, 1)?, false, THREADS);
        Ok(vec![TensorData::F32(values.ok_or("sizes overflow")?)])
    }
}
