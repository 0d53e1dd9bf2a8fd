//! QLinearMul: `c = saturate(round((a - za) * (b - zb) * ratio + zc))` with one ratio of the three scales.

use super::broadcast::Broadcast;
use super::convert::{Params, float_to_int};

/// Multiplies two broadcast tensors of integers: `a` and `b` row-major in the shapes `broadcast` was made of, the result
/// row-major in `broadcast.shape`. `None` when a slice is too short for its shape.
///
/// Formula: MlasQLinearMulKernel (mlas/lib/qlmul.cpp, SSE2): exact integer product, then a float32 product and a
/// float32 sum, each rounded.
pub fn mul(
    a: &[i32],
    a_params: &Params,
    b: &[i32],
    b_params: &Params,
    c_params: &Params,
    broadcast: &Broadcast,
) -> Option<Vec<i32>> {
    let ratio = a_params.scale * b_params.scale / c_params.scale;
    (0..broadcast.elements())
        .map(|index| {
            let (i, j) = broadcast.operands(index);
            let x = a.get(i)?.saturating_sub(a_params.zero_point);
            let y = b.get(j)?.saturating_sub(b_params.zero_point);
            let product = x.saturating_mul(y) as f32 * ratio + c_params.zero_point as f32;
            Some(c_params.saturate(float_to_int(product)))
        })
        .collect()
}
