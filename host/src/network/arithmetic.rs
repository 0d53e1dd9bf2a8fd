//! The two roundings of the machine, as the reference asks for them: precision switch and requantizer.
//!
//! The rules belong to the contract; [`Contract`] takes them from there, and [`Float32Arithmetic`]
//! states them a second time in native float32, to check the contract's integer form against.

use crumb_arch::precision::{ActBits, Rounding, WeightBits};
use crumb_arch::requantizer::{ChannelScale, OutputFormat, requantize};
use crumb_arch::switch::WeightFormat;

/// The arithmetic that the reference does not spell out itself.
pub trait Arithmetic {
    /// The top `bits` (8, 6, 4 or 2) of weight `weight`, as a signed `bits`-wide integer: `weight / 2^(8 - bits)` rounded.
    fn switch(&self, weight: i8, bits: u8, rounding: Rounding) -> i8;

    /// `clamp(round_half_even(float32(accumulator) * multiplier * 2^-exponent_shift) + zero_point, low, high)`,
    /// the product rounded to float32 before it is rounded to an integer.
    fn requantize(&self, accumulator: i32, multiplier: f32, exponent_shift: i32, zero_point: i32, low: i32, high: i32) -> i32;
}

/// [`Arithmetic`] as the contract states it, in integers: what every machine computes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Contract;

impl Arithmetic for Contract {
    fn switch(&self, weight: i8, bits: u8, rounding: Rounding) -> i8 {
        // Widths were checked with the plan; an unknown one leaves the weight as it is.
        WeightBits::try_from(bits).map_or(weight, |bits| WeightFormat::top(bits, rounding).apply(weight) as i8)
    }

    fn requantize(&self, accumulator: i32, multiplier: f32, exponent_shift: i32, zero_point: i32, low: i32, high: i32) -> i32 {
        // A multiplier that has no exact scale is refused when a layer is made or lowered.
        let scale = ChannelScale::from_f32(0, multiplier).unwrap_or_default();
        let (zero_point, lo, hi) = (zero_point as i16, low as i16, high as i16);
        let format = OutputFormat { zero_point, lo, hi, width: ActBits::A8, exponent_adjust: exponent_shift as i8 };
        requantize(accumulator, scale, &format).into()
    }
}

/// [`Arithmetic`] in native integers and float32, as onnxruntime's CPU kernels compute it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Float32Arithmetic;

impl Arithmetic for Float32Arithmetic {
    fn switch(&self, weight: i8, bits: u8, rounding: Rounding) -> i8 {
        let dropped = 8 - u32::from(bits.clamp(1, 8));
        if dropped == 0 {
            return weight;
        }
        let weight = i32::from(weight);
        let half = 1 << (dropped - 1);
        let rounded = match rounding {
            // Adding half, or half less one where the quotient is even, sends exact ties to the even neighbour.
            Rounding::HalfEven => (weight + half - 1 + ((weight >> dropped) & 1)) >> dropped,
            Rounding::HalfUp => (weight + half) >> dropped,
            Rounding::Floor => weight >> dropped,
        };
        let top = 1 << (7 - dropped);
        rounded.clamp(-top, top - 1) as i8
    }

    fn requantize(&self, accumulator: i32, multiplier: f32, exponent_shift: i32, zero_point: i32, low: i32, high: i32) -> i32 {
        let scaled = accumulator as f32 * multiplier * power_of_two(-exponent_shift);
        round_to_range(scaled, zero_point, low, high)
    }
}

/// `clamp(round_half_even(value) + zero_point, low, high)`; NaN becomes `low`, as in onnxruntime's vector kernels.
pub fn round_to_range(value: f32, zero_point: i32, low: i32, high: i32) -> i32 {
    // Clamping first keeps the conversion inside i32 and changes nothing: the bounds are integers.
    let (low, high) = (low.saturating_sub(zero_point), high.saturating_sub(zero_point));
    let bounded = value.max(low as f32).min(high as f32);
    (bounded.round_ties_even() as i32).saturating_add(zero_point)
}

/// `2^exponent`, exactly, for the exponents of normal float32 numbers; saturates beyond.
pub fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits(((exponent.clamp(-126, 127) + 127) as u32) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switch_agrees_with_its_definition() {
        for bits in [2u8, 4, 6, 8] {
            let step = f64::from(1 << (8 - bits));
            let top = f64::from(1 << (bits - 1));
            for weight in i8::MIN..=i8::MAX {
                let exact = f64::from(weight) / step;
                for (rounding, value) in [
                    (Rounding::HalfEven, exact.round_ties_even()),
                    (Rounding::HalfUp, (exact + 0.5).floor()),
                    (Rounding::Floor, exact.floor()),
                ] {
                    let expected = value.clamp(-top, top - 1.0) as i8;
                    assert_eq!(Float32Arithmetic.switch(weight, bits, rounding), expected, "{weight} {bits} {rounding:?}");
                }
            }
        }
    }

    #[test]
    fn the_contract_agrees_with_float32() {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        for _ in 0..200_000 {
            let accumulator = (next() as i32) >> (next() % 31);
            let multiplier = (next() % (1 << 24) + 1) as f32 / (1u64 << (next() % 40)) as f32;
            let shift = (next() % 7) as i32;
            let zero = (next() % 256) as i32 - 128;
            assert_eq!(
                Contract.requantize(accumulator, multiplier, shift, zero, -128, 127),
                Float32Arithmetic.requantize(accumulator, multiplier, shift, zero, -128, 127),
                "{accumulator} * {multiplier} >> {shift} + {zero}"
            );
        }
    }

    #[test]
    fn requantize_rounds_ties_to_even_before_the_zero_point() {
        let a = Float32Arithmetic;
        assert_eq!(a.requantize(5, 0.5, 0, 1, 0, 255), 3);
        assert_eq!(a.requantize(7, 0.5, 0, 1, 0, 255), 5);
        assert_eq!(a.requantize(-5, 0.5, 0, 0, -128, 127), -2);
        assert_eq!(a.requantize(i32::MIN, 1.0, 0, 0, -128, 127), -128);
        assert_eq!(a.requantize(i32::MAX, f32::INFINITY, 0, 3, 0, 255), 255);
        assert_eq!(a.requantize(100, 1.0, 4, 0, 0, 15), 6);
        assert_eq!(round_to_range(f32::NAN, 3, 0, 255), 0);
    }
}
