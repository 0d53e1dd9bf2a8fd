//! The integer sums again, in plain loops that share nothing with the machine: not its tiles, its bricks, or its switch.

use crate::error::Failure;

/// Compares `sums`, row-major `[M, N]`, with `activations [M, K] x switched(weights [K, N])`, element by element.
///
/// # Errors
/// The first sum that is not equal.
pub fn compare(layer: &str, bits: u32, activations: &[i16], weights: &[i8], n: usize, sums: &[i32]) -> Result<(), Failure> {
    let k = weights.len() / n;
    // Columns, so that a sum runs over neighbours.
    let columns: Vec<i16> = (0..n * k).map(|i| switch(weights[i % k * n + i / k], bits)).collect();
    for (row, (a, found)) in activations.chunks_exact(k).zip(sums.chunks_exact(n)).enumerate() {
        for (column, (w, &found)) in columns.chunks_exact(k).zip(found).enumerate() {
            let expected = a.iter().zip(w).map(|(&a, &w)| i32::from(a) * i32::from(w)).sum();
            if found != expected {
                return Err(Failure::Sum { layer: layer.to_owned(), bits, row, column, found, expected });
            }
        }
    }
    Ok(())
}

/// An int8 weight at fewer bits, by the definition: `w / 2^(8 - bits)` rounded half to even, clipped to the signed range.
fn switch(weight: i8, bits: u32) -> i16 {
    let half_range = f64::from(1u32 << (bits - 1));
    let scaled = f64::from(weight) / f64::from(1u32 << (8 - bits));
    scaled.round_ties_even().clamp(-half_range, half_range - 1.0) as i16
}
