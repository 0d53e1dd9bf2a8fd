//! Numpy broadcasting of two tensors, with the one thing that onnxruntime's kernels see of it.
//!
//! onnxruntime hands its kernels spans of the output; within a span an operand is either read element by element or
//! is one scalar. When it is the first, the kernels swap the operands, and QLinearAdd then rounds differently. The
//! rule is that of onnxruntime's `Broadcaster` (core/providers/cpu/math/element_wise_ops.h).

/// Two shapes broadcast together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broadcast {
    /// Shape of the output, outermost axis first.
    pub shape: Vec<usize>,
    /// Whether the first operand is the scalar of the innermost span: then it is the kernel's second operand.
    pub swapped: bool,
    first: Vec<usize>,
    second: Vec<usize>,
}

impl Broadcast {
    /// Broadcasts the shapes `first` and `second` (outermost axis first); `None` when they do not fit together.
    pub fn new(first: &[usize], second: &[usize]) -> Option<Self> {
        let rank = first.len().max(second.len());
        let (a, b) = (padded(first, rank), padded(second, rank));
        let mut shape = Vec::with_capacity(rank);
        for (&x, &y) in a.iter().zip(&b) {
            shape.push(match (x, y) {
                (x, y) if x == y => x,
                (1, y) => y,
                (x, 1) => x,
                _ => return None,
            });
        }
        let swapped = first_is_scalar(&a, &shape, first.len().min(second.len()));
        Some(Self { first: strides(&a), second: strides(&b), shape, swapped })
    }

    /// Number of elements of the output.
    pub fn elements(&self) -> usize {
        self.shape.iter().fold(1, |product, &size| product.saturating_mul(size))
    }

    /// A function of each two elements that meet, in the order of the output; `None` when a slice is too short for its shape.
    pub fn combine(&self, a: &[i32], b: &[i32], function: impl Fn(i32, i32) -> i32) -> Option<Vec<i32>> {
        let element = |index| {
            let (i, j) = self.operands(index);
            Some(function(*a.get(i)?, *b.get(j)?))
        };
        (0..self.elements()).map(element).collect()
    }

    /// Indices of the two operands' elements that meet in output element `index`.
    pub fn operands(&self, index: usize) -> (usize, usize) {
        let (mut rest, mut first, mut second) = (index, 0, 0);
        for ((&size, &a), &b) in self.shape.iter().zip(&self.first).zip(&self.second).rev() {
            let position = rest % size.max(1);
            rest /= size.max(1);
            first += position * a;
            second += position * b;
        }
        (first, second)
    }
}

/// `shape` with leading ones up to `rank` axes.
fn padded(shape: &[usize], rank: usize) -> Vec<usize> {
    let mut padded = vec![1; rank - shape.len()];
    padded.extend_from_slice(shape);
    padded
}

/// Row-major strides in elements, zero along broadcast axes.
fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![0; shape.len()];
    let mut step = 1usize;
    for (stride, &size) in strides.iter_mut().zip(shape).rev() {
        *stride = if size == 1 { 0 } else { step };
        step = step.saturating_mul(size);
    }
    strides
}

/// Whether `a` does not change along the innermost axis that counts: axes of one are skipped, but only within the
/// smaller rank and never its outermost axis, so that two one-element tensors count as scalars.
fn first_is_scalar(a: &[usize], shape: &[usize], smaller_rank: usize) -> bool {
    let inner = shape.iter().rev().take(smaller_rank.saturating_sub(1));
    let skipped = inner.take_while(|&&size| size <= 1).count();
    a.iter().rev().nth(skipped).is_none_or(|&size| size <= 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_axis_that_counts_decides_which_operand_is_the_scalar() {
        let cases: [(&[usize], &[usize], bool); 12] = [
            (&[2, 3, 4], &[2, 3, 4], false),
            (&[2, 3, 4], &[4], false),
            (&[2, 3, 4, 5], &[1, 3, 1, 1], false),
            (&[1, 3, 1, 1], &[2, 3, 4, 5], true),
            (&[2, 3, 1, 1], &[1, 3, 1, 1], false),
            (&[1, 3, 1, 1], &[2, 3, 1, 1], false),
            (&[], &[2, 3], true),
            (&[1], &[2, 3], true),
            (&[], &[], true),
            // Shared axes of one are skipped up to the outermost of the smaller rank.
            (&[5, 1], &[1], true),
            (&[5, 1], &[1, 1], false),
            (&[1, 1], &[5, 1], true),
        ];
        for (first, second, swapped) in cases {
            let broadcast = Broadcast::new(first, second).expect("shapes fit");
            assert_eq!(broadcast.swapped, swapped, "{first:?} {second:?}");
        }
    }

    #[test]
    fn operands_follow_the_strides() {
        let broadcast = Broadcast::new(&[2, 1, 2], &[3, 1]).expect("shapes fit");
        assert_eq!(broadcast.shape, [2, 3, 2]);
        let met: Vec<_> = (0..broadcast.elements()).map(|index| broadcast.operands(index)).collect();
        let expected = [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 0), (3, 0), (2, 1), (3, 1), (2, 2), (3, 2)];
        assert_eq!(met, expected);
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        assert_eq!(Broadcast::new(&[2, 3], &[2]), None);
        assert_eq!(Broadcast::new(&[0], &[2]), None);
    }
}
