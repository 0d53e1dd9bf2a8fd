//! Layers counted one by one, and each that cannot be.

use super::*;

const CONV: Conv =
    Conv { input: [5, 6], kernel: [3, 2], channels: 4, filters: 6, strides: [2, 1], padding: [1, 0, 1, 2], groups: 2 };
const GEMM: Gemm = Gemm { m: 2, n: 3, k: 5, groups: 7, right: RightOperand::Weights };

fn problem(kind: LayerKind, batch: u64) -> String {
    LayerShape::new("x", kind, batch).unwrap_err().problem
}

/// Counts every multiply-accumulate of a convolution one by one.
fn macs_one_by_one(conv: &Conv, batch: u64) -> u64 {
    let starts = |axis: usize| {
        let size = conv.input[axis] + conv.padding[axis] + conv.padding[axis + 2];
        (0..size).step_by(conv.strides[axis] as usize).filter(|start| start + conv.kernel[axis] <= size).count() as u64
    };
    let taps: u64 = (0..conv.kernel[0] * conv.kernel[1]).map(|_| conv.channels / conv.groups).sum();
    batch * starts(0) * starts(1) * conv.filters * taps
}

#[test]
fn a_convolution_is_a_product_of_each_group() {
    let layer = LayerShape::conv("c", CONV, 3).unwrap();
    assert_eq!(layer.output_size(), [3, 7]);
    assert_eq!(layer.product(), MatrixProduct { m: 63, k: 12, n: 3, groups: 2 });
    assert_eq!((layer.macs(), layer.weights()), (2 * 63 * 12 * 3, 2 * 12 * 3));
    assert_eq!((layer.input_elements(), layer.output_elements()), (3 * 4 * 30, 3 * 6 * 21));
    assert_eq!((layer.name(), layer.batch(), layer.kind()), ("c", 3, &LayerKind::Conv(CONV)));
}

#[test]
fn operations_are_those_counted_one_by_one() {
    for size in 1..7 {
        for kernel in 1..4 {
            for stride in 1..4 {
                for pad in 0..3 {
                    let conv =
                        Conv { input: [size, 6], kernel: [kernel, 2], strides: [stride, 1], padding: [pad, 0, 1, 2], ..CONV };
                    match LayerShape::conv("c", conv, 2) {
                        Ok(layer) => assert_eq!(layer.macs(), macs_one_by_one(&conv, 2), "{conv:?}"),
                        Err(_) => assert!(kernel > size + pad + 1, "{conv:?}"),
                    }
                }
            }
        }
    }
}

#[test]
fn samples_share_weights_but_not_computed_operands() {
    let shared = LayerShape::gemm("g", GEMM, 4).unwrap();
    assert_eq!(shared.product(), MatrixProduct { m: 8, k: 5, n: 3, groups: 7 });
    assert_eq!((shared.weights(), shared.input_elements(), shared.output_elements()), (105, 7 * 8 * 5, 7 * 8 * 3));
    let own = LayerShape::gemm("g", Gemm { right: RightOperand::Computed, ..GEMM }, 4).unwrap();
    assert_eq!(own.product(), MatrixProduct { m: 2, k: 5, n: 3, groups: 28 });
    assert_eq!((own.weights(), own.input_elements(), own.output_elements()), (0, 28 * (10 + 15), 28 * 6));
    assert_eq!(own.macs(), shared.macs());
    assert_eq!(shared.with_batch(1).unwrap(), LayerShape::gemm("g", GEMM, 1).unwrap());
}

#[test]
fn impossible_and_absurd_layers_are_refused() {
    let conv = LayerKind::Conv;
    assert_eq!(problem(conv(CONV), 0), "the batch is 0; it must be at least 1");
    assert_eq!(problem(conv(Conv { input: [5, 0], ..CONV }), 1), "the input's width is 0; it must be at least 1");
    assert_eq!(problem(conv(Conv { strides: [0, 1], ..CONV }), 1), "the stride's height is 0; it must be at least 1");
    assert_eq!(problem(conv(Conv { groups: 0, ..CONV }), 1), "the number of groups is 0; it must be at least 1");
    let groups = problem(conv(Conv { groups: 4, ..CONV }), 1);
    assert_eq!(groups, "4 groups do not divide 4 channels and 6 filters; give a common divisor");
    let kernel = problem(conv(Conv { kernel: [8, 1], ..CONV }), 1);
    assert_eq!(kernel, "a kernel of 8 does not fit a padded input of 7; give a larger input");
    assert_eq!(problem(LayerKind::Gemm(Gemm { k: 0, ..GEMM }), 1), "k is 0; it must be at least 1");
    for absurd in [u64::MAX, 1 << 53, 1 << 40] {
        assert!(LayerShape::conv("c", Conv { channels: absurd & !1, ..CONV }, 1 << 20).is_err());
        assert!(LayerShape::conv("c", Conv { padding: [absurd; 4], ..CONV }, 1 << 20).is_err());
        assert!(LayerShape::conv("c", CONV, absurd << 12 | absurd).is_err());
        assert!(LayerShape::gemm("c", Gemm { n: absurd, m: 1 << 20, ..GEMM }, 1).is_err());
    }
    // Few outputs of a sparse grid over an input that no memory holds.
    let sparse = Conv { input: [1; 2], kernel: [1; 2], strides: [1 << 40; 2], padding: [0, 0, 1 << 40, 1 << 40], ..CONV };
    assert_eq!(problem(conv(sparse), 1), "padded input elements exceed 2^53; no such layer can be meant");
    let largest = Gemm { m: LARGEST_COUNT, n: 1, k: 1, groups: 1, right: RightOperand::Weights };
    assert_eq!(LayerShape::gemm("l", largest, 1).unwrap().macs(), LARGEST_COUNT);
    let beyond = problem(LayerKind::Gemm(Gemm { m: LARGEST_COUNT + 1, ..largest }), 1);
    assert_eq!(beyond, "rows of the product exceed 2^53; no such layer can be meant");
}
