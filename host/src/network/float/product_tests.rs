//! The products and the hard activations against checksums of onnxruntime 1.31.1's results for the same inputs, with graph optimisation off.

use super::elementwise::{hard_sigmoid, hard_swish};
use super::gemm::{Gemm, gemm};
use super::matmul::{Execution, matmul};
use super::matmul_stack::Stack;

/// Shapes `m, k, n`: one row, one column, all lengths of blocks, and some that threads divide.
const SHAPES: [[usize; 3]; 12] = [
    [1, 37, 23],
    [1, 6, 1],
    [9, 71, 1],
    [7, 130, 1],
    [5, 130, 140],
    [5, 300, 64],
    [5, 600, 33],
    [4, 1100, 16],
    [3, 2300, 5],
    [65, 64, 65],
    [2, 40_000, 1],
    [17, 260, 130],
];

/// `count` numbers between -4 and 4 from a linear congruential generator (the constants of Numerical Recipes), multiples of `2^-21`.
fn inputs(seed: usize, count: usize) -> Vec<f32> {
    let mut state = seed as u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 2_097_152.0 - 4.0
    };
    (0..count).map(|_| next()).collect()
}

/// FNV-1a over the bits of `values`, every NaN taken as the same one.
fn checksum(values: impl IntoIterator<Item = f32>) -> u64 {
    values.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, value| {
        let bits = if value.is_nan() { f32::NAN.to_bits() } else { value.to_bits() };
        bits.to_le_bytes().iter().fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    })
}

/// The checksum of the products of [`SHAPES`].
fn products(execution: Execution) -> u64 {
    checksum(SHAPES.into_iter().flat_map(|[m, k, n]| {
        let mut out = vec![f32::NAN; m * n];
        matmul(&inputs(m * k, m * k), &inputs(k * n + 1, k * n), [m, k, n], execution, &mut out);
        out
    }))
}

#[test]
fn computed_operands_are_multiplied_as_in_onnxruntime() {
    assert_eq!(products(Execution::COMPUTED), 0xf4b0_3d32_0598_5bf8);
    assert_eq!(products(Execution { threads: 2, ..Execution::COMPUTED }), 0x886d_5030_b590_fcaa);
    assert_eq!(products(Execution { threads: 3, ..Execution::COMPUTED }), 0x9da2_4ac4_3b82_2bb6);
}

#[test]
fn packed_operands_are_multiplied_as_in_onnxruntime_whatever_the_threads() {
    assert_eq!(products(Execution::PACKED), 0x3600_6af4_b114_6461);
    assert_eq!(products(Execution { threads: 3, ..Execution::PACKED }), 0x3600_6af4_b114_6461);
}

#[test]
fn stacks_are_multiplied_as_in_onnxruntime() {
    let cases: [(&[usize], &[usize], &[usize]); 8] = [
        (&[2, 1, 3, 20], &[4, 20, 5], &[2, 4, 3, 5]),
        (&[2, 3, 20], &[20, 5], &[2, 3, 5]),
        (&[2, 3, 20], &[1, 20, 5], &[2, 3, 5]),
        (&[3, 20], &[1, 20, 5], &[1, 3, 5]),
        (&[20], &[3, 20, 5], &[3, 5]),
        (&[2, 3, 20], &[20], &[2, 3]),
        (&[20], &[20], &[]),
        (&[2, 1, 70], &[2, 70, 1], &[2, 1, 1]),
    ];
    let values = cases.into_iter().flat_map(|(left, right, shape)| {
        let stack = Stack::new(left, right).unwrap();
        assert_eq!(stack.shape(), shape);
        let [a, b] = [(5, left), (6, right)].map(|(seed, shape)| inputs(seed, shape.iter().product()));
        stack.run(&a, &b, false, 1).unwrap()
    });
    assert_eq!(checksum(values), 0xe3b7_3e3e_6720_7166);
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    for (left, right) in [(&[][..], &[3][..]), (&[3], &[]), (&[3], &[4]), (&[2, 3], &[2, 3]), (&[2, 1, 3], &[3, 3, 1])] {
        assert_eq!(Stack::new(left, right), None, "{left:?} {right:?}");
    }
    let stack = Stack::new(&[2, 2, 3], &[2, 3, 1]).unwrap();
    assert_eq!(stack.run(&[0.0; 12], &[0.0; 5], false, 1), None);
    assert_eq!(stack.run(&[0.0; 11], &[0.0; 6], false, 1), None);
    assert_eq!(Stack::new(&[2, 0], &[0, 2]).unwrap().run(&[], &[], false, 1), Some(vec![0.0; 4]));
    assert_eq!(Stack::new(&[usize::MAX, 1, 2], &[usize::MAX, 2, 2]).unwrap().run(&[0.0; 2], &[0.0; 4], false, 1), None);
    assert_eq!(Stack::new(&[1 << 40, 0, 2], &[1 << 40, 2, 2]).unwrap().run(&[], &[], false, 1), Some(vec![]));
}

/// The checksum of the Gemms of four shapes with all transpositions and six choices of factors and third operand.
fn gemms(execution: Execution) -> u64 {
    checksum((0..96).flat_map(|case| {
        let [m, k, n] = [[5, 300, 33], [6, 40, 1], [1, 140, 7], [6, 1, 1]][case / 4 % 4];
        let (alpha, beta, c) = [
            (1.0, 1.0, Some([m, n])),
            (1.0, 0.0, Some([1, n])),
            (1.0, 1.0, None),
            (0.3, -1.7, Some([m, 1])),
            (0.5, 1.0, Some([1, 1])),
            (1.0, 2.5, Some([1, n])),
        ][case / 16];
        let values = c.map(|[rows, columns]| inputs(case + 200, rows * columns));
        let c = c.zip(values.as_deref()).map(|(shape, values)| (values, shape));
        let attributes = Gemm { trans_a: case % 2 != 0, trans_b: case / 2 % 2 != 0, alpha, beta, c };
        let mut out = vec![f32::NAN; m * n];
        gemm(&inputs(case, m * k), &inputs(case + 100, k * n), [m, k, n], &attributes, execution, &mut out);
        out
    }))
}

#[test]
fn gemm_is_onnxruntimes() {
    assert_eq!(gemms(Execution::COMPUTED), 0x6a2a_d6f4_687e_f200);
    assert_eq!(gemms(Execution::PACKED), 0x631c_3a59_bfd1_61c9);
}

#[test]
fn gemm_without_inner_dimension_gives_c_as_it_is() {
    let c = inputs(7, 6);
    let mut out = [f32::NAN; 6];
    let attributes = Gemm { trans_a: false, trans_b: false, alpha: 1.0, beta: 2.0, c: Some((&c, [2, 3])) };
    gemm(&[], &[], [2, 0, 3], &attributes, Execution::COMPUTED, &mut out);
    assert_eq!(checksum(out), 0x7579_1c33_6ad5_84e9);
}

#[test]
fn gemm_with_factor_zero_does_not_read_c() {
    let attributes = Gemm { trans_a: false, trans_b: false, alpha: 1.0, beta: 0.0, c: Some((&[f32::NAN], [1, 1])) };
    for k in [0, 2] {
        let mut out = [f32::NAN; 6];
        gemm(&[0.0; 4], &[0.0; 6], [2, k, 3], &attributes, Execution::COMPUTED, &mut out);
        assert_eq!(out, [0.0; 6]);
    }
}

#[test]
fn products_that_underflow_keep_their_sign_unless_there_is_one_column() {
    let attributes = Gemm { trans_a: false, trans_b: true, alpha: 1.0, beta: 0.0, c: None };
    let bits = |n: usize| {
        let mut out = [f32::NAN; 4];
        gemm(&[1e-30, 1e-30], &[-1e-30; 2][..n], [2, 1, n], &attributes, Execution::COMPUTED, &mut out[..2 * n]);
        out.map(f32::to_bits)
    };
    assert_eq!(bits(1)[..2], [0, 0]);
    assert_eq!(bits(2), [(-0.0f32).to_bits(); 4]);
}

#[test]
fn hard_activations_are_onnxruntimes() {
    // Bit patterns 65 537 apart cover all signs, exponents, NaNs and infinities.
    let patterns = || (0..1u32 << 16).map(|i| f32::from_bits(i.wrapping_mul(65_537))).chain(inputs(8, 1 << 14));
    assert_eq!(checksum(patterns().map(|x| hard_sigmoid(x, 0.2, 0.5))), 0xa5c3_6bc0_1082_54bb);
    assert_eq!(checksum(patterns().map(hard_swish)), 0x1e40_4da4_9ae9_02a6);
}
