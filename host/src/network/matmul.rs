//! Products of two computed operands, cut into matrices: each pair is a fully connected layer whose weights have just been
//! computed.
//!
//! ```text
//!   A [.., m, k]  x  B [.., k, n]      leading dimensions broadcast
//!     for each pair:  Gemm { weights: B transposed to [n][k], int8 in 8-bit form }  on  A [m, k]
//! ```

use std::borrow::Cow;
use std::sync::Arc;

use super::shape::broadcast;
use super::{ArrayLayer, DType, Dim, Gemm, MatMul, NetworkError, Op, QuantParams, Tensor};

/// Shape of a product, by NumPy's rules.
///
/// # Errors
/// A sentence that says why there is none.
pub(super) fn infer(a: &[Dim], b: &[Dim]) -> Result<Vec<Dim>, String> {
    let [.., left_k] = a else { return Err("the left operand has no dimensions; expected [.., m, k]".into()) };
    let (right_k, n) = match b {
        [] => return Err("the right operand has no dimensions; expected [.., k, n]".into()),
        [k] => (k, None),
        [.., k, n] => (k, Some(n)),
    };
    if let (Some(left), Some(right)) = (left_k.fixed(), right_k.fixed())
        && left != right
    {
        return Err(format!("rows of {left} elements times columns of {right}; expected as many"));
    }
    let mut dims =
        broadcast(a.get(..a.len().saturating_sub(2)).unwrap_or(&[]), b.get(..b.len().saturating_sub(2)).unwrap_or(&[]))?;
    if let [.., m, _] = a {
        dims.push(m.clone());
    }
    dims.extend(n.cloned());
    Ok(dims)
}

/// The pairs of matrices that a product is made of, before their data is there.
pub(crate) struct Pairs {
    /// Rows of each left matrix.
    pub m: usize,
    /// Columns of each left matrix, rows of each right one.
    pub k: usize,
    /// Columns of each right matrix.
    pub n: usize,
    batch: Vec<usize>,
    left: Vec<usize>,
    right: Vec<usize>,
}

impl Pairs {
    /// The pairs of operands of these shapes.
    ///
    /// # Errors
    /// A sentence that says why they do not fit together.
    pub fn of(left: &[usize], right: &[usize]) -> Result<Self, String> {
        let (a, b) = (at_least_matrix(left, true), at_least_matrix(right, false));
        let fixed = |shape: &[usize]| shape.iter().map(|&size| Dim::Fixed(size)).collect::<Vec<_>>();
        infer(&fixed(&a), &fixed(&b))?;
        let ([left @ .., m, k], [right @ .., _, n]) = (a.as_ref(), b.as_ref()) else {
            return Err("its operands have no dimensions".into());
        };
        let batch = broadcast(&fixed(left), &fixed(right))?.iter().filter_map(Dim::fixed).collect();
        Ok(Self { m: *m, k: *k, n: *n, batch, left: left.to_vec(), right: right.to_vec() })
    }

    /// How many.
    pub fn count(&self) -> usize {
        if self.m == 0 || self.n == 0 { 0 } else { self.batch.iter().product() }
    }

    /// The layer that each pair is, but for its weights; `bits` is the width of the right operand's integers.
    ///
    /// # Errors
    /// A right operand of a wrong type.
    pub fn layer(&self, matmul: &MatMul, right: DType, bits: u8) -> Result<ArrayLayer, NetworkError> {
        let offset = offset(matmul, right)?;
        let mut layer = matmul.layer.clone();
        (layer.out_channels, layer.k) = (self.n, self.k);
        layer.weight_zero_points.iter_mut().for_each(|zero| *zero = zero_point(*zero, right, offset, bits));
        Ok(layer)
    }
}

/// What is taken off the right operand's integers: unsigned ones become 128 lower, as weights are signed.
fn offset(matmul: &MatMul, right: DType) -> Result<i32, NetworkError> {
    match right {
        DType::I8 => Ok(0),
        DType::U8 => Ok(128),
        found => {
            let tensor = format!("right operand of {}", matmul.layer.name);
            Err(NetworkError::Type { tensor, found, expected: "int8 or uint8".into() })
        }
    }
}

/// The layers that a product is made of, in the order of the output, with their left operands `[m, k]`. `right_bits` is the width
/// of the right operand's integers.
///
/// # Errors
/// Operands that do not fit together, or of a wrong type.
pub(super) fn products<'a>(
    matmul: &'a MatMul,
    left: &'a Tensor,
    right: &'a Tensor,
    right_bits: u8,
) -> Result<impl Iterator<Item = Result<(Op, Tensor), NetworkError>> + use<'a>, NetworkError> {
    let refuse = |problem: String| NetworkError::Layer { layer: matmul.layer.name.clone(), problem };
    let pairs = Pairs::of(left.shape(), right.shape()).map_err(refuse)?;
    let layer = pairs.layer(matmul, right.dtype(), right_bits)?;
    // Integers of fewer than 8 bits are brought to 8-bit form.
    let (scale, offset) = (1i32 << (8 - right_bits.clamp(1, 8)), offset(matmul, right.dtype())?);
    let right = right.ints().unwrap_or_default();
    Ok((0..pairs.count()).map(move |index| {
        let Pairs { m, k, n, .. } = pairs;
        let at_a = place(index, &pairs.batch, &pairs.left) * m * k;
        let at_b = place(index, &pairs.batch, &pairs.right) * k * n;
        let weights: Arc<[i8]> =
            (0..n * k).map(|i| (right[at_b + i % k.max(1) * n + i / k.max(1)] * scale - offset) as i8).collect();
        let layer = ArrayLayer { weights, ..layer.clone() };
        Ok((Op::Gemm(Gemm { layer }), left.part(at_a, vec![m, k])?))
    }))
}

/// Zero point of weights whose integers have been narrowed to `bits` bits, in 8-bit form.
fn zero_point(zero: i32, dtype: DType, offset: i32, bits: u8) -> i32 {
    let at_8_bits = QuantParams { scale: 1.0, zero_point: zero + offset, dtype, bits: 8 };
    (at_8_bits.at_bits(bits).zero_point << (8 - bits.clamp(1, 8))) - offset
}

/// A one-dimensional operand as a row (left) or a column (right).
fn at_least_matrix(shape: &[usize], left: bool) -> Cow<'_, [usize]> {
    match (shape, left) {
        (&[size], true) => vec![1, size].into(),
        (&[size], false) => vec![size, 1].into(),
        _ => shape.into(),
    }
}

/// Which matrix of an operand with leading dimensions `own` belongs to matrix `index` of the broadcast `batch`.
fn place(index: usize, batch: &[usize], own: &[usize]) -> usize {
    let (mut rest, mut place, mut stride) = (index, 0, 1);
    for (axis, &size) in batch.iter().enumerate().rev() {
        let coordinate = rest % size;
        rest /= size;
        if let Some(own_axis) = (axis + own.len()).checked_sub(batch.len()) {
            if own[own_axis] != 1 {
                place += coordinate * stride;
            }
            stride *= own[own_axis];
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::TensorData;

    #[test]
    fn places_follow_numpy() {
        // batch [2, 3]: an operand [3] repeats for each of the first axis, one of [2, 1] for each of the second.
        assert_eq!((0..6).map(|i| place(i, &[2, 3], &[3])).collect::<Vec<_>>(), [0, 1, 2, 0, 1, 2]);
        assert_eq!((0..6).map(|i| place(i, &[2, 3], &[2, 1])).collect::<Vec<_>>(), [0, 0, 0, 1, 1, 1]);
        assert_eq!((0..6).map(|i| place(i, &[2, 3], &[2, 3])).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
        assert_eq!((0..6).map(|i| place(i, &[2, 3], &[])).collect::<Vec<_>>(), [0; 6]);
    }

    #[test]
    fn shapes_follow_numpy() {
        let dims = |shape: &[usize]| shape.iter().map(|&size| Dim::Fixed(size)).collect::<Vec<_>>();
        let product = |a: &[usize], b: &[usize]| infer(&dims(a), &dims(b));
        assert_eq!(product(&[2, 1, 4, 5], &[3, 5, 6]), Ok(dims(&[2, 3, 4, 6])));
        assert_eq!(product(&[5], &[5, 6]), Ok(dims(&[6])));
        assert_eq!(product(&[4, 5], &[5]), Ok(dims(&[4])));
        assert_eq!(product(&[5], &[5]), Ok(dims(&[])));
        assert!(product(&[4, 5], &[4, 5]).unwrap_err().contains("rows of 5 elements times columns of 4"));
        assert!(product(&[2, 4, 5], &[3, 5, 6]).is_err());
        assert!(product(&[], &[3]).is_err());
        let left = Tensor::new(vec![2, 1, 1, 2], TensorData::I8(vec![1, 2, 3, 4])).unwrap();
        assert_eq!(left.part(2, vec![1, 2]).unwrap().ints().unwrap(), [3, 4]);
    }
}
