//! Gemm of float matrices in the order of onnxruntime (see `sgemm.rs`).

use super::matmul::Execution;
use super::sgemm::Sgemm;

/// The attributes of Gemm and its optional third operand.
#[derive(Clone, Copy, Debug)]
pub struct Gemm<'a> {
    /// The left operand is stored as `k x m`.
    pub trans_a: bool,
    /// The right operand is stored as `n x k`.
    pub trans_b: bool,
    /// Factor of the product.
    pub alpha: f32,
    /// Factor of `c`.
    pub beta: f32,
    /// What is added, with its rows and columns: each of them is the output's or 1 (a shape of rank 1 is one row, of rank 0 `[1, 1]`).
    pub c: Option<(&'a [f32], [usize; 2])>,
}

/// `out = alpha a b + beta c`, where the operands after transposition are `m x k` and `k x n`, and `out` is `m x n`, all row-major.
///
/// With an empty inner dimension onnxruntime does not multiply `c` by `beta`, unless it is zero, and neither does this function.
pub fn gemm(a: &[f32], b: &[f32], [m, k, n]: [usize; 3], gemm: &Gemm, execution: Execution, out: &mut [f32]) {
    if m == 0 || n == 0 {
        return;
    }
    let c = gemm.c.filter(|_| gemm.beta != 0.0);
    match c {
        Some((c, [rows, columns])) => {
            for (row, out) in out.chunks_exact_mut(n).enumerate() {
                let start = if rows == 1 { 0 } else { row * columns };
                for (column, out) in out.iter_mut().enumerate() {
                    *out = c.get(start + if columns == 1 { 0 } else { column }).copied().unwrap_or(0.0);
                }
            }
        }
        None => out.fill(0.0),
    }
    if k > 0 {
        let beta = if c.is_some() { gemm.beta } else { 0.0 };
        Sgemm { m, k, n, trans_a: gemm.trans_a, trans_b: gemm.trans_b, alpha: gemm.alpha, beta }.run(a, b, execution, out);
    }
}
