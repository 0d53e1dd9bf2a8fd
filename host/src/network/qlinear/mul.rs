//! QLinearMul: `c = saturate(round((a - za) * (b - zb) * ratio + zc))` with one ratio of the three scales.

use super::broadcast::Broadcast;
use super::convert::float_to_int;
use crate::network::Narrowed;

/// Multiplies two broadcast tensors of integers: `a` and `b` row-major in the shapes `broadcast` was made of, the result
/// row-major in `broadcast.shape`. `None` when a slice is too short for its shape.
///
/// Formula: MlasQLinearMulKernel (mlas/lib/qlmul.cpp, SSE2): exact integer product, then a float32 product and a
/// float32 sum, each rounded.
pub fn mul(
    a: &[i32],
    a_params: &Narrowed,
    b: &[i32],
    b_params: &Narrowed,
    c_params: &Narrowed,
    broadcast: &Broadcast,
) -> Option<Vec<i32>> {
    let ratio = a_params.scale * b_params.scale / c_params.scale;
    broadcast.combine(a, b, |x, y| {
        let (x, y) = (x.saturating_sub(a_params.zero_point), y.saturating_sub(b_params.zero_point));
        c_params.saturate(float_to_int(x.saturating_mul(y) as f32 * ratio + c_params.zero_point as f32))
    })
}

#[cfg(test)]
mod tests {
    use super::super::golden::{Row, all, check_pairs, params};
    use super::*;

    /// Outputs of QLinearMul, recorded.
    #[rustfmt::skip]
    const RECORDED: [Row<3, 4>; 6] = [
        ([0.0173, 0.0312, 0.0401], [121, 140, 117], [0xa896_d6ca_43cf_7b92, 0x7812_a79d_25ae_44ae, 0x89cf_c075_2f30_7e92, 0x3ec1_7df9_c41d_78ae]),
        ([0.75, 0.25, 1.5], [0, 255, 128], [0xaf99_4166_4097_844d, 0xef3a_691b_152c_cde5, 0x0027_b834_33b5_7e4d, 0x1210_b2d7_aad2_41e5]),
        ([1.0 / 256.0, 0.0234, 0.01], [0, 130, 255], [0x1626_5218_e9e8_107c, 0xfc7e_60f3_6e41_e998, 0x2058_792b_f8e8_777c, 0x9a33_5516_4e1b_ef98]),
        ([900.0, 0.003, 1e-06], [17, 200, 128], [0xcf17_6da3_ea10_40cd, 0x0e53_2d65_5001_dead, 0xa17b_7c77_d194_86cd, 0x6b02_1d0b_c58c_33ad]),
        ([0.625, 0.75, 2.5], [255, 199, 210], [0x6a5f_3251_d2b7_6058, 0x4986_18c2_6142_ccf8, 0xe302_446d_ce99_4f58, 0x1461_b9d6_bf33_8ff8]),
        ([0.1875, 0.1875, 2.5], [119, 255, 255], [0x5bd0_e7c4_3022_e552, 0xa26f_ec59_3ed1_ca22, 0x4729_877a_b251_ad52, 0x0a6c_2fd0_4d15_0622]),
    ];

    #[test]
    fn all_pairs_of_integers_equal_the_recorded_outputs() {
        check_pairs(&RECORDED, |a, a_shape, b, b_shape, [x, y, z]| {
            let broadcast = Broadcast::new(&a_shape, &b_shape).expect("shapes fit");
            mul(a, x, b, y, z, &broadcast).expect("slices fill their shapes")
        });
    }

    #[test]
    fn a_narrow_output_is_the_wide_one_saturated() {
        let broadcast = Broadcast::new(&[256, 1], &[256]).expect("shapes fit");
        let (x, y, wide) = (params(0.02, 120, 0), params(0.03, 7, 0), params(0.4, 9, 0));
        let narrow = Narrowed { high: 15, ..wide };
        let run = |z: &Narrowed| mul(&all(0), &x, &all(0), &y, z, &broadcast).expect("slices fill their shapes");
        let saturated: Vec<i32> = run(&wide).into_iter().map(|z| z.min(15)).collect();
        assert_eq!(run(&narrow), saturated);
        assert!(saturated.contains(&0) && saturated.contains(&15) && saturated.contains(&8));
    }

    #[test]
    fn a_short_slice_is_refused() {
        let broadcast = Broadcast::new(&[3], &[3]).expect("shapes fit");
        let tensor = params(1.0, 0, 0);
        assert_eq!(mul(&[1, 2, 3], &tensor, &[1, 2], &tensor, &tensor, &broadcast), None);
    }
}
