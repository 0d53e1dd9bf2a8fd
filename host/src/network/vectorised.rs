//! The reference's sums, fast: rows of the implicit GEMM against rows of weights, as dot products that the compiler vectorises.
//!
//! ```text
//!   input --Lowering::fill_rows--> 64 rows of K, less the zero point, in 8-bit units (i16)
//!   weights, switched, in 8-bit units (i16), K in the same order      --dot (i32)--> sums, then as the reference
//! ```
//! Same integers as [`PlainLoops`], and float32 only where that has it. Invariant: `|a| < 256` and `|w| <= 128` in 8-bit units, so a sum of
//! fewer than 2^16 products fits int32 in any order; longer ones, and layers with important channels, go to [`PlainLoops`].

use super::execute::{Engine, Work};
use super::packing::Matrices;
use super::reference::{PlainLoops, accumulator, finish, not_a_layer};
use super::{Arithmetic, ArrayLayer, Lowering, NetworkError, TensorData};

/// Rows of the left matrix that are made at a time: with K up to a few thousand they stay in the cache.
const ROWS: usize = 64;
/// Reductions shorter than this cannot leave int32: `2^16 * 2^8 * 2^7 = 2^31`.
const MOST_K: usize = 1 << 16;

/// The reference engine for measurements over many images.
pub struct Vectorised<'a, A>(pub &'a A);

impl<A: Arithmetic> Engine for Vectorised<'_, A> {
    type Error = NetworkError;

    fn layer(&mut self, work: &Work<'_>) -> Result<(TensorData, Vec<i32>), NetworkError> {
        let (Some(layer), Some(lowering), Some(matrices)) =
            (work.op.array_layer(), Lowering::of(work.op, work.input.shape()), Matrices::of(work.op))
        else {
            return Err(not_a_layer(work));
        };
        if work.important.is_some() || layer.k >= MOST_K || layer.k == 0 {
            return PlainLoops(self.0).layer(work);
        }
        let lowering = lowering?;
        let sums = sums(layer, &lowering, &matrices, work, self.0)?;
        Ok((finish(layer, &sums, |index| lowering.channel_of(index), work.output_bits, self.0), sums))
    }
}

fn sums(
    layer: &ArrayLayer,
    lowering: &Lowering<'_>,
    matrices: &Matrices<'_>,
    work: &Work<'_>,
    arithmetic: &impl Arithmetic,
) -> Result<Vec<i32>, NetworkError> {
    let (k, n, rows) = (lowering.k(), lowering.n(), lowering.rows());
    let narrowed = layer.input.at_bits(work.precision.act_bits);
    let padding = narrowed.zero_point as i16;
    let act_shift = 8 - narrowed.bits;
    let bits = work.precision.effective_weight_bits();
    let mut sums = vec![0; rows * layer.out_channels];
    let mut block = vec![0i16; ROWS.min(rows) * k];
    for group in 0..lowering.groups() {
        let switched = |column: usize, row: usize| {
            let weight = arithmetic.switch(matrices.weight(group, row, column), bits, work.precision.rounding);
            i16::from(weight) << (8 - bits)
        };
        let weights: Vec<i16> =
            (0..n).flat_map(|column| (0..k).map(move |row| (column, row))).map(|(c, r)| switched(c, r)).collect();
        for first in (0..rows).step_by(ROWS) {
            let filled = lowering.fill_rows(group, work.input, padding, first, &mut block)?;
            for value in &mut block[..filled * k] {
                *value = (*value - padding) << act_shift;
            }
            for (offset, row) in block[..filled * k].chunks_exact(k).enumerate() {
                let activations = row.iter().map(|&value| i64::from(value)).sum();
                for (column, weights) in weights.chunks_exact(k).enumerate() {
                    let products = i64::from(dot(row, weights));
                    let sum = accumulator(layer, group * n + column, products, activations, work.precision)?;
                    sums[lowering.output_index(group, first + offset, column)] = sum;
                }
            }
        }
    }
    Ok(sums)
}

fn dot(a: &[i16], b: &[i16]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits;
    use crate::network::{Contract, LayerPrecision, PrecisionPlan, execute, run};

    #[test]
    fn every_tensor_and_sum_is_the_references() {
        let digits = digits::load().unwrap();
        let images = digits.images.part(0, vec![3, 1, 8, 8]).unwrap();
        for act_bits in [8, 4, 2] {
            for weight_bits in [8, 6, 4, 2] {
                let plan = PrecisionPlan::uniform(LayerPrecision { act_bits, weight_bits, ..LayerPrecision::default() });
                let slow = run(&digits.network, std::slice::from_ref(&images), &plan, &Contract).unwrap();
                let fast = execute(&digits.network, std::slice::from_ref(&images), &plan, &Contract, &mut Vectorised(&Contract))
                    .unwrap();
                assert!(slow == fast, "a{act_bits}w{weight_bits}");
            }
        }
    }
}
