//! The roundings of QONNX, as the `qonnx` package defines them on float32 (`qonnx.custom_op.general.intquant`).
//!
//! Names mislead: its HALF_UP and HALF_DOWN send halves away from zero and towards it, and both are computed by adding or
//! subtracting 0.5 in float32, which rounds too. So they are written here in the same steps.

/// How a float32 becomes an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QonnxRounding {
    /// `ROUND`, `HALF_EVEN`: to the nearest, halves to even.
    HalfEven,
    /// `CEIL`: up.
    Ceil,
    /// `FLOOR`: down.
    Floor,
    /// `UP`: away from zero.
    Up,
    /// `DOWN`: towards zero.
    Down,
    /// `HALF_UP`: `sign(x) * floor(|x| + 0.5)`.
    HalfUp,
    /// `HALF_DOWN`: `sign(x) * ceil(|x| - 0.5)`.
    HalfDown,
}

impl QonnxRounding {
    /// Every name and its rounding.
    pub const NAMES: [(&str, QonnxRounding); 8] = [
        ("ROUND", Self::HalfEven),
        ("HALF_EVEN", Self::HalfEven),
        ("CEIL", Self::Ceil),
        ("FLOOR", Self::Floor),
        ("UP", Self::Up),
        ("DOWN", Self::Down),
        ("HALF_UP", Self::HalfUp),
        ("HALF_DOWN", Self::HalfDown),
    ];

    /// The rounding of a name, in upper or lower case.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|&(_, rounding)| rounding)
    }

    /// The rounded value, a negative zero included; NaN stays NaN.
    pub fn apply(self, x: f32) -> f32 {
        match self {
            Self::HalfEven => x.round_ties_even(),
            Self::Ceil => x.ceil(),
            Self::Floor => x.floor(),
            Self::Up => sign(x) * x.abs().ceil(),
            Self::Down => x.trunc(),
            Self::HalfUp => sign(x) * (x.abs() + 0.5).floor(),
            Self::HalfDown => sign(x) * (x.abs() - 0.5).ceil(),
        }
    }
}

/// NumPy's sign: 1, -1, or 0 for both zeros, unlike `f32::signum`.
fn sign(x: f32) -> f32 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else if x == 0.0 {
        0.0
    } else {
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The neighbour of `x` that is further from zero, or nearer to it.
    fn neighbour(x: f32, further: bool) -> f32 {
        f32::from_bits(if further { x.to_bits() + 1 } else { x.to_bits() - 1 })
    }

    #[test]
    fn ties_and_their_neighbours() {
        use QonnxRounding::*;
        // Rounding, then what becomes of 2.25, 2.5, 2.75, 3.5 and of their negatives.
        for (rounding, positive, negative) in [
            (HalfEven, [2.0, 2.0, 3.0, 4.0], [-2.0, -2.0, -3.0, -4.0]),
            (Ceil, [3.0, 3.0, 3.0, 4.0], [-2.0, -2.0, -2.0, -3.0]),
            (Floor, [2.0, 2.0, 2.0, 3.0], [-3.0, -3.0, -3.0, -4.0]),
            (Up, [3.0, 3.0, 3.0, 4.0], [-3.0, -3.0, -3.0, -4.0]),
            (Down, [2.0, 2.0, 2.0, 3.0], [-2.0, -2.0, -2.0, -3.0]),
            (HalfUp, [2.0, 3.0, 3.0, 4.0], [-2.0, -3.0, -3.0, -4.0]),
            (HalfDown, [2.0, 2.0, 3.0, 3.0], [-2.0, -2.0, -3.0, -3.0]),
        ] {
            for (x, (up, down)) in [2.25f32, 2.5, 2.75, 3.5].into_iter().zip(positive.into_iter().zip(negative)) {
                assert_eq!(rounding.apply(x), up, "{rounding:?} {x}");
                assert_eq!(rounding.apply(-x), down, "{rounding:?} -{x}");
            }
            for whole in -300..=300 {
                assert_eq!(rounding.apply(whole as f32), whole as f32, "{rounding:?}");
            }
        }
        for half in [HalfEven, HalfUp, HalfDown] {
            for tie in [1.5f32, 2.5, 126.5, 127.5] {
                assert_eq!(half.apply(neighbour(tie, true)), tie + 0.5, "{half:?}");
                assert_eq!(half.apply(-neighbour(tie, false)), -(tie - 0.5), "{half:?}");
            }
        }
    }

    #[test]
    fn sums_with_a_half_round_too() {
        let below = neighbour(0.5, false);
        assert_eq!(QonnxRounding::HalfUp.apply(below), 1.0);
        assert_eq!(QonnxRounding::HalfEven.apply(below), 0.0);
    }

    #[test]
    fn zeros_have_the_signs_of_the_formulas() {
        use QonnxRounding::*;
        for (rounding, negative) in [(HalfEven, true), (Ceil, true), (Down, true), (HalfUp, true), (HalfDown, false)] {
            assert_eq!(rounding.apply(-0.25).to_bits() == (-0.0f32).to_bits(), negative, "{rounding:?}");
        }
        assert_eq!(HalfDown.apply(0.25).to_bits(), (-0.0f32).to_bits());
        assert_eq!(HalfDown.apply(0.0).to_bits(), (-0.0f32).to_bits());
        assert_eq!(Up.apply(-0.0).to_bits(), 0);
    }

    #[test]
    fn names_in_any_case() {
        assert_eq!(QonnxRounding::named("half_up"), Some(QonnxRounding::HalfUp));
        assert_eq!(QonnxRounding::named("ROUND_TO_ZERO"), None);
        assert!(QonnxRounding::NAMES.iter().all(|&(name, rounding)| QonnxRounding::named(name) == Some(rounding)));
        assert!(QonnxRounding::HalfUp.apply(f32::NAN).is_nan());
    }
}
