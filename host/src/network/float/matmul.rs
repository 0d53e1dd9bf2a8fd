//! MatMul of float matrices in the order of onnxruntime, which depends on the shape, on packing and on threads (see `sgemm.rs`).

use super::sgemm::Sgemm;

/// What onnxruntime's order of additions depends on besides the shape of the matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execution {
    /// The right operand is a constant of rank 2, which onnxruntime packs when it loads the model (`GemmPackBFp32`).
    pub packed: bool,
    /// Threads of the session (`intra_op_num_threads`, which includes the calling thread). Without effect on a packed operand.
    pub threads: usize,
    /// Matrices of the batch, among which the threads are divided; 1 for Gemm.
    pub batch: usize,
}

impl Execution {
    /// A computed right operand, one thread.
    pub const COMPUTED: Self = Self { packed: false, threads: 1, batch: 1 };
    /// A constant right operand of rank 2.
    pub const PACKED: Self = Self { packed: true, threads: 1, batch: 1 };
}

/// `out = a b` for one pair of row-major matrices: `a` is `m x k`, `b` is `k x n` and `out` is `m x n`.
///
/// An empty inner dimension gives zeros. Which matrices onnxruntime multiplies for operands of higher rank is told by [`super::matmul_stack::Stack`].
pub fn matmul(a: &[f32], b: &[f32], [m, k, n]: [usize; 3], execution: Execution, out: &mut [f32]) {
    if k == 0 {
        out.fill(0.0);
    } else if m > 0 && n > 0 {
        Sgemm { m, k, n, trans_a: false, trans_b: false, alpha: 1.0, beta: 0.0 }.run(a, b, execution, out);
    }
}
