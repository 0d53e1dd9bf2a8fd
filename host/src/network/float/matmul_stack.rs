//! MatMul of float tensors: the products of matrices that it consists of (onnxruntime's `MatMulComputeHelper`).

use super::matmul::{Execution, matmul};

/// The products of a MatMul of tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// Rows of a left matrix.
    m: usize,
    /// Inner dimension.
    k: usize,
    /// Columns of a right matrix.
    n: usize,
    /// Sizes of the axes over which the products are repeated, of the left and of the right operand: equal, or one of them is 1.
    batch: Vec<[usize; 2]>,
    /// Shape of the output.
    shape: Vec<usize>,
}

impl Stack {
    /// The products for operands of shapes `left` and `right`, or nothing if they cannot be multiplied.
    ///
    /// A right operand that is one matrix is multiplied by all rows of the left operand at once, if the left one's rank is not lower. A right
    /// operand of rank 1 is multiplied by each row alone.
    pub fn new(left: &[usize], right: &[usize]) -> Option<Self> {
        let (&k, left_rows) = left.split_last()?;
        let (&n, right_rows) = right.split_last()?;
        let Some((&inner, right_batch)) = right_rows.split_last() else {
            let batch = left_rows.iter().map(|&size| [size, 1]).collect();
            return (n == k).then(|| Self { m: 1, k, n: 1, batch, shape: left_rows.to_vec() });
        };
        if inner != k {
            return None;
        }
        let columns = [n];
        if left.len() >= right.len() && right_batch.iter().all(|&size| size == 1) {
            let shape = [left_rows, &columns].concat();
            return Some(Self { m: product(left_rows)?, k, n, batch: Vec::new(), shape });
        }
        let left_batch = left_rows.split_last().map_or(left_rows, |(_, batch)| batch);
        let rows = left_rows.get(left_batch.len()..)?;
        let rank = left_batch.len().max(right_batch.len());
        let sizes = |batch: &[usize]| [vec![1; rank - batch.len()], batch.to_vec()].concat();
        let batch: Vec<[usize; 2]> = sizes(left_batch).into_iter().zip(sizes(right_batch)).map(|(l, r)| [l, r]).collect();
        let lengths = batch.iter().map(|&[l, r]| if l == 1 || l == r { Some(r) } else { (r == 1).then_some(l) });
        let lengths: Vec<usize> = lengths.collect::<Option<_>>()?;
        let shape = [&lengths, rows, &columns].concat();
        Some(Self { m: rows.iter().product(), k, n, batch, shape })
    }

    /// Shape of the output.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements of the product of `a` and `b`; `packed` and `threads` as in [`Execution`]. Nothing if an operand is too short.
    pub fn run(&self, a: &[f32], b: &[f32], packed: bool, threads: usize) -> Option<Vec<f32>> {
        let [left, right, each] = [product(&[self.m, self.k])?, product(&[self.k, self.n])?, product(&[self.m, self.n])?];
        let total = product(&self.shape)?;
        let mut out = vec![0.0; total];
        if total == 0 {
            return Some(out);
        }
        let execution = Execution { packed, threads, batch: total / each };
        for (index, out) in out.chunks_exact_mut(each).enumerate() {
            let [l, r] = self.matrices(index);
            let a = a.get(l.checked_mul(left)?..)?.get(..left)?;
            let b = b.get(r.checked_mul(right)?..)?.get(..right)?;
            matmul(a, b, [self.m, self.k, self.n], execution, out);
        }
        Some(out)
    }

    /// The matrices that output matrix `index` is the product of, each numbered from the start of its tensor.
    fn matrices(&self, mut index: usize) -> [usize; 2] {
        let (mut numbers, mut strides) = ([0, 0], [1, 1]);
        for sizes in self.batch.iter().rev() {
            let length = sizes[0].max(sizes[1]);
            for side in 0..2 {
                numbers[side] += index % length * strides[side] * usize::from(sizes[side] != 1);
                strides[side] *= sizes[side];
            }
            index /= length;
        }
        numbers
    }
}

/// The product of sizes, if it can be represented.
fn product(sizes: &[usize]) -> Option<usize> {
    sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size))
}
