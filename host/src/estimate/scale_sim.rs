//! Cycles of a layer on SCALE-Sim's weight-stationary array, in closed form.
//!
//! The form follows SCALE-Sim 3.0.0, `scalesim/compute/systolic_compute_ws.py`: every fold loads its weights for `rows`
//! cycles, then waits `rows + columns + T - 2` cycles until the last of the T input rows has left the skewed array; the
//! report's total is the index of the last cycle, one less than their number. Folds follow each other without overlap.
//!
//! What is odd about it, and kept:
//! - there is no padding: the input is taken as it is, so a 3 x 3 layer of 56 x 56 has 54 x 54 outputs;
//! - the output size rounds up, so with strides the last window may hang over the edge of the input;
//! - a fold's weights never load while another fold computes, and unused rows and columns cost as much as used ones;
//! - there are no groups: a depthwise layer is one layer for each channel, each with one column of the array in use;
//! - memory is free: these are the cycles without stalls on bandwidth.

use super::layers::{Conv, LayerError, LayerKind, LayerShape};

/// The array of processing elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Array {
    /// Rows: the dot product runs along them.
    pub rows: u64,
    /// Columns: one filter each.
    pub columns: u64,
}

/// What becomes of a convolution's padding, which SCALE-Sim does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Left out, as in the networks that come with SCALE-Sim: fewer outputs than the network has.
    Ignored,
    /// Part of the input, as a user may write it into the table: all outputs of the network.
    Included,
}

/// Cycles of a layer: `groups x (ceil(k / rows) x ceil(n / columns) x (2 rows + columns + T - 2) - 1)`.
///
/// T is the number of rows of the product.
///
/// A batch is more rows, as in SCALE-Sim's table of matrix products; groups are layers of their own.
///
/// # Errors
/// An array without rows or columns, a kernel larger than its input (SCALE-Sim refuses it too), or too many cycles.
pub fn layer_cycles(layer: &LayerShape, array: Array, padding: Padding) -> Result<u64, LayerError> {
    let error = |problem: String| LayerError::new(layer.name(), problem);
    if array.rows == 0 || array.columns == 0 {
        return Err(error(format!("an array of {} x {} has no elements; give at least 1 x 1", array.rows, array.columns)));
    }
    let product = layer.product();
    let rows = match layer.kind() {
        LayerKind::Conv(conv) => pixels(conv, padding).map_err(error)? * u128::from(layer.batch()),
        LayerKind::Gemm(_) => u128::from(product.m),
    };
    let folds = u128::from(product.k.div_ceil(array.rows)) * u128::from(product.n.div_ceil(array.columns));
    let fold = 2 * u128::from(array.rows) + u128::from(array.columns) + rows - 2;
    let cycles = folds.checked_mul(fold).and_then(|cycles| (cycles - 1).checked_mul(u128::from(product.groups)));
    let cycles = cycles.and_then(|cycles| u64::try_from(cycles).ok());
    cycles.ok_or_else(|| error("its cycles exceed 2^64; give a smaller layer or array".into()))
}

/// Cycles of layers one after another.
///
/// # Errors
/// As [`layer_cycles`], for the first layer that fails.
pub fn network_cycles(layers: &[LayerShape], array: Array, padding: Padding) -> Result<u64, LayerError> {
    layers.iter().try_fold(0u64, |total, layer| {
        let sum = total.checked_add(layer_cycles(layer, array, padding)?);
        sum.ok_or_else(|| LayerError::new(layer.name(), "the network's cycles exceed 2^64; give fewer layers"))
    })
}

/// Output pixels of one sample: `ceil((size - kernel + stride) / stride)` on each axis (`scalesim/topology_utils.py`).
fn pixels(conv: &Conv, padding: Padding) -> Result<u128, String> {
    let mut pixels = 1;
    for axis in 0..2 {
        let pads = match padding {
            Padding::Ignored => 0,
            Padding::Included => conv.padding[axis] + conv.padding[axis + 2],
        };
        let (size, kernel, stride) = (conv.input[axis] + pads, conv.kernel[axis], conv.strides[axis]);
        let free = size.checked_sub(kernel);
        let free = free.ok_or_else(|| {
            format!("a kernel of {kernel} does not fit an input of {size}, which SCALE-Sim refuses; include the padding")
        })?;
        pixels *= u128::from(free.div_ceil(stride)) + 1;
    }
    Ok(pixels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::layers::{Gemm, RightOperand};
    use crate::estimate::networks::Network;

    /// Results of SCALE-Sim itself: layer, T, K, M, and cycles on arrays of 32 x 32 and 128 x 128.
    const RESULTS: &str = include_str!("../../tests/peers/scalesim_resnet18.csv");
    const ARRAYS: [Array; 2] = [Array { rows: 32, columns: 32 }, Array { rows: 128, columns: 128 }];

    /// Name, T, K, M, and cycles of each layer.
    fn results() -> Vec<(String, [u64; 5])> {
        let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(RESULTS.as_bytes());
        reader.deserialize::<(String, [u64; 5])>().map(Result::unwrap).collect()
    }

    fn gemm(m: u64, n: u64, k: u64, groups: u64) -> LayerShape {
        LayerShape::gemm("g", Gemm { m, n, k, groups, right: RightOperand::Weights }, 1).unwrap()
    }

    #[test]
    fn products_take_the_cycles_that_scale_sim_reports() {
        assert_eq!(results().len(), 21);
        for (name, [t, k, m, small, large]) in results() {
            let cycles = ARRAYS.map(|array| layer_cycles(&gemm(t, m, k, 1), array, Padding::Ignored).unwrap());
            assert_eq!(cycles, [small, large], "{name}");
        }
    }

    #[test]
    fn the_built_in_network_takes_the_cycles_that_scale_sim_reports() {
        let layers = Network::Resnet18.layers().unwrap();
        for (array, column) in ARRAYS.into_iter().zip([3, 4]) {
            let mut ours: Vec<_> = layers.iter().map(|layer| layer_cycles(layer, array, Padding::Ignored).unwrap()).collect();
            let mut theirs: Vec<_> = results().iter().map(|(_, values)| values[column]).collect();
            ours.sort_unstable();
            theirs.sort_unstable();
            assert_eq!(ours, theirs);
        }
        assert_eq!(network_cycles(&layers, ARRAYS[0], Padding::Ignored).unwrap(), 2_519_815);
        assert!(network_cycles(&layers, ARRAYS[0], Padding::Included).unwrap() > 2_519_815);
    }

    #[test]
    fn groups_and_batches_follow_their_rules() {
        let array = Array { rows: 4, columns: 8 };
        // 2 x 2 folds of 8 + 8 + 10 - 2 cycles, less one, for each of three groups.
        assert_eq!(layer_cycles(&gemm(10, 9, 5, 3), array, Padding::Ignored).unwrap(), 3 * (4 * 24 - 1));
        let one = layer_cycles(&gemm(10, 9, 5, 1), array, Padding::Ignored).unwrap();
        let two = layer_cycles(&gemm(10, 9, 5, 1).with_batch(2).unwrap(), array, Padding::Ignored).unwrap();
        assert_eq!(two - one, 4 * 10);
        let conv = Conv { input: [4, 5], kernel: [1, 1], channels: 5, filters: 9, strides: [1, 1], padding: [0; 4], groups: 1 };
        let images = LayerShape::conv("c", conv, 3).unwrap();
        assert_eq!(layer_cycles(&images, array, Padding::Ignored).unwrap(), 4 * (2 * 4 + 8 + 3 * 20 - 2) - 1);
    }

    #[test]
    fn padding_counts_only_when_included_and_sizes_round_up() {
        let conv = Conv { input: [6, 5], kernel: [3, 3], channels: 1, filters: 1, strides: [2, 2], padding: [1; 4], groups: 1 };
        // Six rows hold windows at 0, 2 and, hanging over, 4; five columns hold windows at 0 and 2.
        assert_eq!(pixels(&conv, Padding::Ignored), Ok(3 * 2));
        assert_eq!(pixels(&conv, Padding::Included), Ok(4 * 3));
        assert_eq!(pixels(&Conv { padding: [3, 0, 4, 4], ..conv }, Padding::Included), Ok(6 * 4));
        let small = LayerShape::conv("s", Conv { input: [1, 1], ..conv }, 1).unwrap();
        let error = layer_cycles(&small, ARRAYS[0], Padding::Ignored).unwrap_err().to_string();
        let expected = "a kernel of 3 does not fit an input of 1, which SCALE-Sim refuses; include the padding";
        assert_eq!(error, format!("layer \"s\": {expected}"));
        assert_eq!(layer_cycles(&small, ARRAYS[0], Padding::Included).unwrap(), 2 * 32 + 32 + 1 - 2 - 1);
    }

    #[test]
    fn impossible_arrays_and_sums_are_refused() {
        let layer = gemm(1, 1, 1, 1);
        assert!(layer_cycles(&layer, Array { rows: 0, columns: 1 }, Padding::Ignored).is_err());
        assert!(layer_cycles(&layer, Array { rows: 1, columns: 0 }, Padding::Ignored).is_err());
        let huge = Array { rows: u64::MAX, columns: u64::MAX };
        assert!(layer_cycles(&layer, huge, Padding::Ignored).unwrap_err().problem.contains("2^64"));
        let half = Array { rows: u64::MAX / 2, columns: 1 };
        assert_eq!(layer_cycles(&layer, half, Padding::Ignored).unwrap(), u64::MAX - 2);
        assert!(network_cycles(&[layer.clone(), layer], half, Padding::Ignored).unwrap_err().problem.contains("2^64"));
    }
}
