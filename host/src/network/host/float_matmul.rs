//! Products of float32 tensors, in onnxruntime's order of additions: layers that a quantizer has left out, and the attention products
//! of models whose layers are quantized as they run.

use super::{HostOperator, Operand, Outline, expect_float, floats, known, optional, tensor};
use crate::network::float::gemm::{self, gemm};
use crate::network::float::matmul::Execution;
use crate::network::float::matmul_stack::Stack;
use crate::network::shape::Known;
use crate::network::{DType, Dim, TensorData, matmul};

/// Threads that the order of onnxruntime's sums is that of.
const THREADS: usize = 1;

/// `[.., m, k] x [.., k, n]`, leading dimensions broadcast as NumPy does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloatMatMul {
    /// Whether the right operand is a constant matrix, whose sums onnxruntime adds in another order.
    pub packed: bool,
}

/// `alpha * A * B + beta * C` of matrices, C broadcast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FloatGemm {
    /// Whether A is stored `[k, m]`.
    pub trans_a: bool,
    /// Whether B is stored `[n, k]`.
    pub trans_b: bool,
    /// Factor of the product.
    pub alpha: f32,
    /// Factor of C.
    pub beta: f32,
    /// As of [`FloatMatMul`].
    pub packed: bool,
}

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

    fn macs(&self, inputs: &[&[usize]], output: &[usize]) -> u64 {
        let k = inputs.first().and_then(|shape| shape.last()).copied().unwrap_or(0);
        output.iter().product::<usize>() as u64 * k as u64
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], _: &[Outline]) -> Result<Vec<TensorData>, String> {
        let (a, b) = (tensor(inputs, 0)?.shape(), tensor(inputs, 1)?.shape());
        let stack = Stack::new(a, b).ok_or_else(|| format!("{a:?} times {b:?}; the shapes do not fit"))?;
        let values = stack.run(floats(inputs, 0)?, floats(inputs, 1)?, self.packed, THREADS);
        Ok(vec![TensorData::F32(values.ok_or("sizes overflow")?)])
    }
}

impl FloatGemm {
    /// Rows, reduction and columns.
    fn sizes(&self, a: &[Dim], b: &[Dim]) -> Result<[Dim; 3], String> {
        let ([a0, a1], [b0, b1]) = (a, b) else {
            return Err(format!("operands of {} and {} dimensions; expected matrices", a.len(), b.len()));
        };
        let (m, left) = if self.trans_a { (a1, a0) } else { (a0, a1) };
        let (right, n) = if self.trans_b { (b1, b0) } else { (b0, b1) };
        match (left.fixed(), right.fixed()) {
            (Some(left), Some(right)) if left != right => {
                Err(format!("rows of {left} elements times columns of {right}; expected as many"))
            }
            _ => Ok([m.clone(), left.clone(), n.clone()]),
        }
    }
}

impl HostOperator for FloatGemm {
    fn kind(&self) -> &'static str {
        "Gemm"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let (a, b) = (known(inputs, 0)?, known(inputs, 1)?);
        inputs.iter().flatten().try_for_each(expect_float)?;
        let dims = match (&a.dims, &b.dims) {
            (Some(a), Some(b)) => {
                let [m, _, n] = self.sizes(a, b)?;
                Some(vec![m, n])
            }
            _ => None,
        };
        Ok(vec![Known::shaped(DType::F32, dims)])
    }

    fn macs(&self, inputs: &[&[usize]], output: &[usize]) -> u64 {
        let k = inputs.first().and_then(|shape| shape.get(usize::from(!self.trans_a))).copied().unwrap_or(0);
        output.iter().product::<usize>() as u64 * k as u64
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], outputs: &[Outline]) -> Result<Vec<TensorData>, String> {
        let Some(Outline { shape, .. }) = outputs.first() else { return Ok(Vec::new()) };
        let &[m, n] = shape.as_slice() else { return Err("an output that is no matrix".into()) };
        let a_shape = tensor(inputs, 0)?.shape();
        let k = a_shape.get(usize::from(!self.trans_a)).copied().unwrap_or(0);
        let c = match optional(inputs, 2) {
            None => None,
            Some(c) => {
                let rows_and_columns = match *c.shape() {
                    [] => [1, 1],
                    [columns] => [1, columns],
                    [rows, columns] => [rows, columns],
                    _ => return Err(format!("C of shape {:?}; expected up to two dimensions", c.shape())),
                };
                let fits = rows_and_columns.iter().zip(shape).all(|(&own, &all)| own == 1 || own == all);
                if !fits {
                    return Err(format!("C of shape {:?} for an output of {shape:?}", c.shape()));
                }
                Some((floats(inputs, 2)?, rows_and_columns))
            }
        };
        let attributes = gemm::Gemm { trans_a: self.trans_a, trans_b: self.trans_b, alpha: self.alpha, beta: self.beta, c };
        let execution = Execution { packed: self.packed, threads: THREADS, batch: 1 };
        let mut result = vec![0.0; m * n];
        gemm(floats(inputs, 0)?, floats(inputs, 1)?, [m, k, n], &attributes, execution, &mut result);
        Ok(vec![TensorData::F32(result)])
    }
}
