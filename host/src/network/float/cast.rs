//! The Cast operator from float to integers.

/// Cast to int32: towards zero; NaN and everything outside the type give `i32::MIN` (the instruction CVTTPS2DQ).
pub fn to_i32(x: f32) -> i32 {
    if (-2_147_483_648.0..2_147_483_648.0).contains(&x) { x as i32 } else { i32::MIN }
}

/// Cast to int64: towards zero; NaN and everything outside the type give `i64::MIN` (the instruction CVTTSS2SI).
pub fn to_i64(x: f32) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&x) { x as i64 } else { i64::MIN }
}

/// Cast to uint8: the low 8 bits of the cast to int32, without saturation.
pub fn to_u8(x: f32) -> u8 {
    to_i32(x) as u8
}

/// Cast to int8: the low 8 bits of the cast to int32, without saturation.
pub fn to_i8(x: f32) -> i8 {
    to_i32(x) as i8
}

#[cfg(test)]
mod tests {
    use super::super::golden::{checksum, patterns};
    use super::*;

    #[test]
    fn casts_are_onnxruntimes() {
        assert_eq!(checksum(patterns().into_iter().map(|x| to_i32(x) as f32)), 0xdc69_7852_1251_5625);
        assert_eq!(checksum(patterns().into_iter().map(|x| to_i64(x) as f32)), 0x0698_70dc_cb8b_5225);
        assert_eq!(checksum(patterns().into_iter().map(|x| f32::from(to_u8(x)))), 0x230b_d044_aac3_88a8);
        assert_eq!(checksum(patterns().into_iter().map(|x| f32::from(to_i8(x)))), 0xa595_3fde_4d12_eb4c);
    }
}
