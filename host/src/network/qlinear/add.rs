//! QLinearAdd: `c = saturate(round(a * sa/sc + b * sb/sc + rest))`, in the order of MLAS's AVX2 kernel.
//!
//! The zero points are folded into one constant, so the sum is not exact, and its rounding depends on the order of the
//! operands.

use super::broadcast::Broadcast;
use super::convert::{Params, float_to_int};

/// Adds two broadcast tensors of integers: `a` and `b` row-major in the shapes `broadcast` was made of, the result
/// row-major in `broadcast.shape`. `None` when a slice is too short for its shape.
///
/// Formulas: MlasQLinearAddKernelAvx2Helper (mlas/lib/intrinsics/avx2/qladd_avx2.cpp), all float32.
/// Fused multiply-adds stand where the compiler contracted products and sums of that file.
pub fn add(
    a: &[i32],
    a_params: &Params,
    b: &[i32],
    b_params: &Params,
    c_params: &Params,
    broadcast: &Broadcast,
) -> Option<Vec<i32>> {
    let swapped = broadcast.swapped;
    let terms = if swapped { Terms::new(b_params, a_params, c_params) } else { Terms::new(a_params, b_params, c_params) };
    (0..broadcast.elements())
        .map(|index| {
            let (i, j) = broadcast.operands(index);
            let (&x, &y) = (a.get(i)?, b.get(j)?);
            let (x, y) = if swapped { (y as f32, x as f32) } else { (x as f32, y as f32) };
            let sum = x.mul_add(terms.first, y.mul_add(terms.second, terms.rest));
            Some(c_params.saturate(float_to_int(sum)))
        })
        .collect()
}

/// The kernel's float32 constants.
struct Terms {
    /// Scale of the first operand over the output's.
    first: f32,
    /// Scale of the second operand over the output's.
    second: f32,
    /// What the three zero points add.
    rest: f32,
}

impl Terms {
    fn new(first: &Params, second: &Params, output: &Params) -> Self {
        let (x, y) = (first.scale / output.scale, second.scale / output.scale);
        let zero_points = x.mul_add(first.zero_point as f32, y * second.zero_point as f32);
        Self { first: x, second: y, rest: output.zero_point as f32 - zero_points }
    }
}
