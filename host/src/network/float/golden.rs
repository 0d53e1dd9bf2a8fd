//! Inputs and checksums for the tests: the expected checksums are those of onnxruntime 1.31.1's outputs for the same inputs.

/// `count` numbers between -4 and 4 from a linear congruential generator (the constants of Numerical Recipes), multiples of
/// `2^-21`.
pub(super) fn inputs(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 2_097_152.0 - 4.0
    };
    (0..count).map(|_| next()).collect()
}

/// `2^16` floats that cover all signs, exponents, NaNs and infinities: bit patterns 65 537 apart.
pub(super) fn patterns() -> Vec<f32> {
    (0..1u32 << 16).map(|i| f32::from_bits(i.wrapping_mul(65_537))).collect()
}

/// FNV-1a over the bits of `values`, every NaN taken as the same one.
pub(super) fn checksum(values: impl IntoIterator<Item = f32>) -> u64 {
    values.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, value| {
        let bits = if value.is_nan() { f32::NAN.to_bits() } else { value.to_bits() };
        bits.to_le_bytes().iter().fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    })
}
