//! Zero points that are not 0, folded into biases where they belong to activations, and into row sums where they belong to weights.
//!
//! `sum (a - za) (w - zw) = sum a w - za * sum w - zw * sum (a - za)`, each sum over K: the second term is one number for each
//! column, known before any activation is; the third one for each row, which the host adds up as it fills the rows.

use super::MachineRunError;
use crate::gemm::Segment;
use crate::network::packing::{Matrices, Packing};
use crate::network::{ArrayLayer, Lowering, NetworkError, Work};

/// `bias - za * column sum of the switched weights`, in 8-bit units; `zeros` is the zero point of each segment's activations.
pub(super) fn folded_bias(
    layer: &ArrayLayer,
    channel: usize,
    weights: (&Matrices<'_>, &Packing, usize, usize),
    segments: &[Segment],
    zeros: &[i32],
    bits: u8,
) -> Result<i32, MachineRunError> {
    let (matrices, packing, group, column) = weights;
    let mut value = i64::from(layer.bias_at(channel, bits));
    for (segment, zero) in segments.iter().zip(zeros).filter(|(_, zero)| **zero != 0) {
        let rows = packing.rows.get(segment.k.clone()).unwrap_or(&[]).iter().flatten();
        let sum: i64 = rows.map(|&row| i64::from(segment.weight.apply(matrices.weight(group, row, column)))).sum();
        value -= (i64::from(*zero) * sum) << (2 * segment.shift);
    }
    i32::try_from(value).map_err(|_| MachineRunError::Bias { layer: layer.name.clone(), channel, value })
}

/// `- zw * sum (a - za)`, for layers whose weights have a zero point.
pub(super) fn correct_for_weights(
    layer: &ArrayLayer,
    lowering: &Lowering<'_>,
    work: &Work<'_>,
    values: &mut [i32],
) -> Result<(), MachineRunError> {
    if layer.weight_zero_points.iter().all(|&zero| zero == 0) {
        return Ok(());
    }
    let activations = super::product::Activations::of(layer, work);
    let mut row = vec![0i16; lowering.k()];
    for group in 0..lowering.groups() {
        for r in 0..lowering.rows() {
            lowering.fill_rows(group, work.input, activations.padding(), r, &mut row)?;
            let sum: i64 = row.iter().enumerate().map(|(k, &a)| activations.centred(k % lowering.channels(), a)).sum();
            for column in 0..lowering.n() {
                let channel = group * lowering.n() + column;
                let value = &mut values[lowering.output_index(group, r, column)];
                let corrected = i64::from(*value) - i64::from(layer.weight_zero_point(channel)) * sum;
                *value = i32::try_from(corrected).map_err(|_| NetworkError::Overflow {
                    layer: layer.name.clone(),
                    channel,
                    value: corrected,
                    weight_bits: work.precision.effective_weight_bits(),
                    act_bits: work.precision.act_bits,
                })?;
            }
        }
    }
    Ok(())
}
