//! QLinearAdd: `c = saturate(round(a * sa/sc + b * sb/sc + rest))`, in the order of MLAS's AVX2 kernel.
//!
//! The zero points are folded into one constant, so the sum is not exact, and its rounding depends on the order of the
//! operands.

use super::broadcast::Broadcast;
use super::convert::float_to_int;
use crate::network::Narrowed;

/// Adds two broadcast tensors of integers: `a` and `b` row-major in the shapes `broadcast` was made of, the result
/// row-major in `broadcast.shape`. `None` when a slice is too short for its shape.
///
/// Formulas: MlasQLinearAddKernelAvx2Helper (mlas/lib/intrinsics/avx2/qladd_avx2.cpp), all float32.
/// Fused multiply-adds stand where the compiler contracted products and sums of that file.
pub fn add(
    a: &[i32],
    a_params: &Narrowed,
    b: &[i32],
    b_params: &Narrowed,
    c_params: &Narrowed,
    broadcast: &Broadcast,
) -> Option<Vec<i32>> {
    let swapped = broadcast.swapped;
    let terms = if swapped { Terms::new(b_params, a_params, c_params) } else { Terms::new(a_params, b_params, c_params) };
    broadcast.combine(a, b, |x, y| {
        let (x, y) = if swapped { (y as f32, x as f32) } else { (x as f32, y as f32) };
        c_params.saturate(float_to_int(x.mul_add(terms.first, y.mul_add(terms.second, terms.rest))))
    })
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
    fn new(first: &Narrowed, second: &Narrowed, output: &Narrowed) -> Self {
        let (x, y) = (first.scale / output.scale, second.scale / output.scale);
        let zero_points = x.mul_add(first.zero_point as f32, y * second.zero_point as f32);
        Self { first: x, second: y, rest: output.zero_point as f32 - zero_points }
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden::{Row, all, check_pairs, params};
    use super::*;

    /// Outputs of QLinearAdd, recorded.
    #[rustfmt::skip]
    const RECORDED: [Row<3, 4>; 6] = [
        ([0.0173, 0.0312, 0.0401], [121, 140, 117], [0x7419_0af6_17be_71c6, 0x3af2_152e_c9a4_9ea0, 0x82e9_9a16_13c9_98c6, 0x3153_95a0_d309_e2a0]),
        ([0.75, 0.25, 1.5], [0, 255, 128], [0x3475_a903_c97c_ada8, 0x73bd_afe4_a917_d7a8, 0x95df_b31d_5580_3aa8, 0xdffa_4468_171e_77fb]),
        ([1.0 / 256.0, 0.0234, 0.01], [0, 130, 255], [0x5a2c_914b_ae33_ce82, 0x24ef_8c19_49c5_edb8, 0x4014_d582_c7bb_ab82, 0xfbdd_9885_b157_48b8]),
        ([900.0, 0.003, 1e-06], [17, 200, 128], [0x85ba_086c_fb07_b255, 0xb453_938a_7a39_ee02, 0x1524_cb5d_7523_31f0, 0x91a1_4c68_f848_d66d]),
        ([0.625, 0.75, 2.5], [255, 199, 210], [0x5327_72a2_f5dc_1e82, 0xff11_8b69_46b7_2890, 0xe04b_4450_8a94_c97d, 0x157c_2e06_a712_0026]),
        ([0.1875, 0.1875, 2.5], [119, 255, 255], [0x4fa9_1653_610a_4ce0, 0x4fa9_1653_610a_4ce0, 0xaa6c_6a42_39e7_891d, 0xaa6c_6a42_39e7_891d]),
    ];

    #[test]
    fn all_pairs_of_integers_equal_the_recorded_outputs() {
        check_pairs(&RECORDED, |a, a_shape, b, b_shape, [x, y, z]| {
            let broadcast = Broadcast::new(&a_shape, &b_shape).expect("shapes fit");
            add(a, x, b, y, z, &broadcast).expect("slices fill their shapes")
        });
    }

    #[test]
    fn a_narrow_output_is_the_wide_one_saturated() {
        let broadcast = Broadcast::new(&[256, 1], &[256]).expect("shapes fit");
        let (x, y, wide) = (params(0.02, 120, 0), params(0.03, 7, 0), params(0.4, 2, 0));
        let narrow = Narrowed { high: 15, ..wide };
        let run = |z: &Narrowed| add(&all(0), &x, &all(0), &y, z, &broadcast).expect("slices fill their shapes");
        let saturated: Vec<i32> = run(&wide).into_iter().map(|z| z.min(15)).collect();
        assert_eq!(run(&narrow), saturated);
        assert!(saturated.contains(&0) && saturated.contains(&15) && saturated.contains(&8));
    }

    #[test]
    fn a_short_slice_is_refused() {
        let broadcast = Broadcast::new(&[3], &[3]).expect("shapes fit");
        let tensor = params(1.0, 0, 0);
        assert_eq!(add(&[1, 2, 3], &tensor, &[1, 2], &tensor, &tensor, &broadcast), None);
    }
}
