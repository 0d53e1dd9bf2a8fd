//! Which rows and columns of a layer's weight matrix the machine gets, and in which order.
//!
//! ```text
//!   K in the order (ky, kx, ci)  ──▶  important channels | the others      each part as long as a multiple of `word_k`
//!   rows and columns of zeros    ──▶  left out: they cost no cycle; not of weights that are computed, whose cost would vary
//! ```
//! The order belongs to the layer and its important channels, not to its precision, so one upload still serves every width.

use super::{ArrayLayer, NetworkError, Op, Window};
use crate::gemm::{Fold, KernelRows};
use crumb_arch::ArrayConfig;
use std::collections::BTreeSet;

/// The matrix of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packing {
    /// Rows of `(ky, kx, ci)` in their order; `None` for rows of zeros that fill up a part.
    pub rows: Vec<Option<usize>>,
    /// How many of them come first because their channel is important.
    pub important: usize,
    /// Columns: output channels within the group.
    pub columns: Vec<usize>,
}

impl Packing {
    /// Whether it has all K rows in their own order.
    pub fn is_whole(&self, k: usize) -> bool {
        self.rows.iter().copied().eq((0..k).map(Some))
    }
}

/// A layer's weights as the host finds them: `[K, N]` for each group, K in the order `(ky, kx, ci)`.
pub struct Matrices<'a> {
    layer: &'a ArrayLayer,
    /// Independent products.
    pub groups: usize,
    /// Input channels of a group.
    pub channels: usize,
    taps: usize,
    /// How the kernel moves, if it does.
    window: Option<Window>,
    /// Axes of pixels.
    spatial: usize,
}

impl<'a> Matrices<'a> {
    /// The matrices of a layer with constant weights.
    pub fn of(op: &'a Op) -> Option<Self> {
        match op {
            Op::Conv(conv) => {
                let groups = conv.group.max(1);
                let taps = conv.window.kernel[0] * conv.window.kernel[1];
                let channels = conv.in_channels / groups;
                Some(Self { layer: &conv.layer, groups, channels, taps, window: Some(conv.window), spatial: conv.spatial })
            }
            Op::Gemm(gemm) => {
                Some(Self { layer: &gemm.layer, groups: 1, channels: gemm.layer.k, taps: 1, window: None, spatial: 0 })
            }
            Op::MatMul(_) | Op::Host(_) => None,
        }
    }

    /// Columns of each matrix.
    pub fn n(&self) -> usize {
        self.layer.out_channels / self.groups
    }

    /// Rows of each matrix.
    pub fn k(&self) -> usize {
        self.taps * self.channels
    }

    /// The weight in row `k` of `(ky, kx, ci)` and column `column` of a group. The file's order is `[output][channel][tap]`.
    pub fn weight(&self, group: usize, k: usize, column: usize) -> i8 {
        let (tap, channel, output) = (k / self.channels, k % self.channels, group * self.n() + column);
        self.layer.weights[(output * self.channels + channel) * self.taps + tap]
    }

    /// Whether 0 means zero in every output channel.
    pub fn is_plain(&self) -> bool {
        self.layer.weight_zero_points.iter().all(|&zero| zero == 0)
    }

    /// The zero point of an output channel's weights.
    pub fn zero_point(&self, output: usize) -> i32 {
        self.layer.weight_zero_point(output)
    }

    /// The layer's weights in the file's order, those of some input and output channels set to 0.
    pub fn masked(&self, inputs: &BTreeSet<usize>, outputs: &BTreeSet<usize>) -> Vec<i8> {
        let weight = |(index, &weight): (usize, &i8)| {
            let (output, channel) = (index / self.k(), index / self.taps % self.channels);
            let input = output / self.n() * self.channels + channel;
            if outputs.contains(&output) || inputs.contains(&input) { 0 } else { weight }
        };
        self.layer.weights.iter().enumerate().map(weight).collect()
    }

    /// What the machine gets of a group's matrix, on a machine whose weight-memory addresses hold `word_k` of K.
    pub fn pack(&self, group: usize, important: Option<&[usize]>, word_k: usize) -> Packing {
        let (k, n) = (self.k(), self.n());
        // A weight that is 0 adds nothing only where 0 means zero.
        let plain = self.is_plain();
        let row_counts = |row: &usize| !plain || (0..n).any(|column| self.weight(group, *row, column) != 0);
        let column_counts = |column: &usize| !plain || (0..k).any(|row| self.weight(group, row, *column) != 0);
        let is_important = |row: &usize| important.is_some_and(|channels| channels.binary_search(&(row % self.channels)).is_ok());
        let kept: Vec<usize> = (0..k).filter(row_counts).collect();
        let (first, others): (Vec<usize>, Vec<usize>) = kept.into_iter().partition(is_important);
        let mut rows: Vec<Option<usize>> = first.into_iter().map(Some).collect();
        if !others.is_empty() {
            rows.resize(rows.len().next_multiple_of(word_k), None);
        }
        let important = rows.len();
        rows.extend(others.into_iter().map(Some));
        Packing { rows, important, columns: (0..n).filter(column_counts).collect() }
    }

    /// How far a group's matrix is folded where it is resident: only in its own order.
    pub fn fold(&self, packing: &Packing, config: &ArrayConfig) -> Fold {
        let Some(window) = self.window.filter(|_| packing.is_whole(self.k())) else { return Fold::NONE };
        let Window { kernel: [rows, columns], strides: [stride, _], dilations: [dilation, _], .. } = window;
        // A convolution over one axis has one row of pixels; how many another has is known once it runs.
        let outputs = if self.spatial < 2 { 1 } else { usize::MAX };
        let kernel = KernelRows { rows, length: columns * self.channels, stride, dilation, outputs };
        Fold::most(kernel, packing.columns.len(), config)
    }

    /// All of a group's matrix, in its own order.
    pub fn whole(&self) -> Packing {
        Packing { rows: (0..self.k()).map(Some).collect(), important: 0, columns: (0..self.n()).collect() }
    }

    /// The packed matrix, row-major.
    pub fn packed(&self, group: usize, packing: &Packing) -> Vec<i8> {
        let weight = |row: &Option<usize>, column: usize| row.map_or(0, |row| self.weight(group, row, column));
        packing.rows.iter().flat_map(|row| packing.columns.iter().map(move |&column| weight(row, column))).collect()
    }
}

/// Refuses important channels that a layer does not have, or cannot tell apart.
///
/// # Errors
/// The first violation, with the layer's name.
pub fn check_important(op: &Op, channels: &[usize]) -> Result<(), NetworkError> {
    let Some(layer) = op.array_layer() else { return Ok(()) };
    let refuse = |problem: String| Err(NetworkError::Channels { layer: layer.name.clone(), problem });
    let Some(matrices) = Matrices::of(op) else { return refuse("its right operand is computed".into()) };
    if matrices.groups != 1 {
        return refuse(format!("it has {} groups, whose channels are not shared", matrices.groups));
    }
    if layer.input.bits != 8 {
        return refuse(format!("its input has {} bits in the file", layer.input.bits));
    }
    if let Some(channel) = channels.iter().find(|&&channel| channel >= matrices.channels) {
        return refuse(format!("channel {channel} of {} input channels", matrices.channels));
    }
    if !channels.is_sorted_by(|a, b| a < b) {
        return refuse("important channels are not in rising order, each once".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits;

    /// Rows of pixels below each other are what copies of the weights are for: a convolution over one axis has none.
    #[test]
    fn a_convolution_over_one_axis_is_not_folded() {
        let config = ArrayConfig::named("large").unwrap();
        let nodes = digits::load().unwrap().network.nodes;
        let first = nodes.into_iter().find_map(|node| if let Op::Conv(conv) = node.op { Some(conv) } else { None });
        let mut conv = first.unwrap();
        conv.window.kernel = [1, conv.window.kernel[0] * conv.window.kernel[1]];
        for (spatial, copies) in [(2, 2), (1, 1)] {
            conv.spatial = spatial;
            let op = Op::Conv(conv.clone());
            let matrices = Matrices::of(&op).unwrap();
            assert_eq!(matrices.fold(&matrices.whole(), &config).copies, copies, "{spatial} axes");
        }
    }
}
