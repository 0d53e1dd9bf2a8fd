//! The conversion from float32 to int32 of kernels that convert before they saturate.

/// Rounds half to even as the x86 instructions `cvtps2dq` and `cvttss2si` leave it: what does not fit, and NaN, is
/// `i32::MIN`, the "integer indefinite" value. Kernels that convert before they saturate send huge positive
/// values to the low end by it.
pub fn float_to_int(value: f32) -> i32 {
    let rounded = value.round_ties_even();
    // 2^31 is the first float32 beyond i32, and -2^31 the last within; NaN fails both comparisons.
    if (-2_147_483_648.0..2_147_483_648.0).contains(&rounded) { rounded as i32 } else { i32::MIN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversion_rounds_half_to_even_and_is_indefinite_beyond_i32() {
        let cases = [
            (0.5, 0),
            (1.5, 2),
            (2.5, 2),
            (-0.5, 0),
            (-1.5, -2),
            (2_147_483_520.0, 2_147_483_520),
            (2_147_483_648.0, i32::MIN),
            (-2_147_483_648.0, i32::MIN),
            (f32::INFINITY, i32::MIN),
            (f32::NAN, i32::MIN),
        ];
        for (value, integer) in cases {
            assert_eq!(float_to_int(value), integer, "{value}");
        }
    }
}
