//! The one type of scale: from values to a share of an axis, with ticks at round numbers.

/// An axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// Linear between two values.
    Linear {
        /// The value at the beginning.
        from: f64,
        /// The value at the end.
        to: f64,
        /// From tick to tick.
        step: f64,
    },
    /// Logarithmic between two values above 0.
    Log {
        /// The value at the beginning.
        from: f64,
        /// The value at the end.
        to: f64,
    },
}

/// Ticks at most, so that they fit on a phone.
const TICKS: f64 = 5.0;

/// The least length of a linear axis: a fifth of it, and powers of ten below that, are still numbers.
const LEAST: f64 = 1e-290;

/// The round number (1, 2 or 5 times a power of ten) at or above a step.
fn round_up(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let of = [1.0, 2.0, 5.0, 10.0].into_iter().find(|round| round * power >= step * (1.0 - 1e-9));
    of.unwrap_or(10.0) * power
}

impl Scale {
    /// From 0 to a round number at or above the largest value.
    pub fn from_zero(values: impl IntoIterator<Item = f64>) -> Self {
        let largest = values.into_iter().filter(|value| value.is_finite()).fold(0.0, f64::max);
        Self::between(0.0, if largest > LEAST { largest } else { 1.0 })
    }

    /// From a round number at or below the least value to one at or above the largest.
    pub fn around(values: impl IntoIterator<Item = f64>) -> Self {
        let finite = values.into_iter().filter(|value| value.is_finite());
        let (least, largest) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), value| (a.min(value), b.max(value)));
        // What numbers at these values can hardly tell apart is no spread: its ticks would fall together.
        let size = least.abs().max(largest.abs());
        match largest - least {
            spread if spread > LEAST && spread > 1e-9 * size => Self::between(least, largest),
            _ if least.is_finite() => {
                let around = 0.5 + 1e-3 * size;
                Self::between(least - around, least + around)
            }
            _ => Self::between(0.0, 1.0),
        }
    }

    /// From 0 to this, which need not be round.
    pub fn to(end: f64) -> Self {
        Self::Linear { from: 0.0, to: end, step: round_up(end / TICKS) }
    }

    fn between(least: f64, largest: f64) -> Self {
        let step = round_up((largest - least) / TICKS);
        Self::Linear { from: (least / step + 1e-9).floor() * step, to: (largest / step - 1e-9).ceil() * step, step }
    }

    /// Round numbers (1, 2 or 5 times a power of ten) around all values above 0.
    pub fn log(values: impl IntoIterator<Item = f64>) -> Self {
        let positive = values.into_iter().filter(|value| value.is_finite() && *value > 0.0);
        let (least, largest) = positive.fold((f64::INFINITY, 0f64), |(a, b), value| (a.min(value), b.max(value)));
        if largest == 0.0 {
            return Self::Log { from: 1.0, to: 10.0 };
        }
        // Below x is what 1/x is below.
        let (from, to) = (1.0 / round_up(1.0 / least), round_up(largest));
        Self::Log { from, to: if to > from { to } else { 10.0 * from } }
    }

    /// The first and the last value.
    pub fn ends(&self) -> [f64; 2] {
        match *self {
            Self::Linear { from, to, .. } | Self::Log { from, to } => [from, to],
        }
    }

    /// Where a value is: 0 at the beginning, 1 at the end, within these.
    pub fn at(&self, value: f64) -> f64 {
        let share = match *self {
            Self::Linear { from, to, .. } => (value - from) / (to - from),
            Self::Log { .. } if value <= 0.0 => 0.0,
            Self::Log { from, to } => (value / from).ln() / (to / from).ln(),
        };
        share.clamp(0.0, 1.0)
    }

    /// Round numbers along the axis.
    pub fn ticks(&self) -> Vec<f64> {
        match *self {
            Self::Linear { from, to, step } => {
                let count = ((to - from) / step).round() as i32;
                (0..=count).map(|i| from + f64::from(i) * step).collect()
            }
            Self::Log { from, to } => {
                let decades = (from.log10().floor() as i32, to.log10().ceil() as i32);
                // Over a decade or two, 2 and 5 have ticks too; over many, not every decade has one.
                let rounds: &[f64] = if to / from <= 101.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
                let skip = usize::try_from((decades.1 - decades.0) / 6).unwrap_or(0) + 1;
                let powers = (decades.0..=decades.1).step_by(skip).map(|exponent| 10f64.powi(exponent));
                let ticks = powers.flat_map(|power| rounds.iter().map(move |round| round * power));
                ticks.filter(|tick| (from * 0.999..=to * 1.001).contains(tick)).collect()
            }
        }
    }
}

/// A number in three digits, with k, M, G, T for thousands and more: `12.3k`.
pub fn number(value: f64) -> String {
    let units = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let (value, unit) = match units.into_iter().find(|(unit, _)| value.abs() >= 0.9995 * unit) {
        Some((unit, name)) => (value / unit, name),
        None => (value, ""),
    };
    let decimals = match value.abs() {
        size if size < 5e-13 => return "0".into(),
        size => (2 - size.log10().floor() as i32).max(0) as usize,
    };
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text };
    text + unit
}

/// The same with a unit, `12.3 kOPS`; factors have no space.
pub fn quantity(value: f64, unit: &str) -> String {
    let text = number(value);
    let digits = text.trim_end_matches(|c: char| c.is_alphabetic());
    let space = if unit == "\u{d7}" { "" } else { " " };
    format!("{digits}{space}{}{unit}", &text[digits.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_scales_end_at_round_numbers() {
        let scale = Scale::from_zero([0.0, 3.0, 8.7]);
        assert_eq!(scale, Scale::Linear { from: 0.0, to: 10.0, step: 2.0 });
        assert_eq!(scale.ticks(), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!([scale.at(0.0), scale.at(5.0), scale.at(99.0)], [0.0, 0.5, 1.0]);
        assert_eq!(Scale::from_zero([]).ends(), [0.0, 1.0]);
        let [from, to] = Scale::around([0.969, 0.987]).ends();
        assert!((0.95..=0.969).contains(&from) && (0.987..1.0).contains(&to), "{from} {to}");
        assert!((Scale::around([3.0]).at(3.0) - 0.5).abs() < 1e-12);
        // Lengths that numbers cannot divide are none.
        for values in [[0.0, 5e-324], [0.0, 0.0], [1.0, 1.0 + f64::EPSILON], [1e12, 1e12], [-1e12, 1e12]] {
            let scale = Scale::around(values);
            assert!(values.iter().all(|&value| scale.at(value).is_finite()), "{scale:?}");
            assert!(scale.ticks().len() >= 2 && scale.ticks().iter().all(|tick| tick.is_finite()), "{scale:?}");
        }
        assert_eq!(Scale::from_zero([5e-324]).ends(), [0.0, 1.0]);
        // Ticks are round wherever the scale begins.
        let ticks = Scale::around([0.969, 0.987]).ticks();
        assert!(ticks.iter().all(|tick| ((tick * 200.0).round() / 200.0 - tick).abs() < 1e-12), "{ticks:?}");
    }

    #[test]
    fn logarithmic_scales_end_at_round_numbers() {
        let scale = Scale::log([0.3, 0.0, 40.0]);
        let [from, to] = scale.ends();
        assert!((from - 0.2).abs() < 1e-12 && to == 50.0, "{from} {to}");
        assert_eq!([scale.at(from), scale.at(to), scale.at(0.0)], [0.0, 1.0, 0.0]);
        assert!((scale.at(10f64.sqrt()) - 0.5).abs() < 1e-12);
        let short: Vec<f64> = Scale::log([1.5, 40.0]).ticks();
        assert_eq!(short, [1.0, 2.0, 5.0, 10.0, 20.0, 50.0]);
        assert!(Scale::log([1e-9, 1e12]).ticks().len() <= 8);
        assert_eq!(Scale::log([0.0]).ends(), [1.0, 10.0]);
    }

    #[test]
    fn numbers_have_three_digits() {
        let cases =
            [(0.0, "0"), (1.0, "1"), (12.345, "12.3"), (999.9, "1k"), (1_234_567.0, "1.23M"), (0.0123, "0.0123"), (250.0, "250")];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        let quantities = [quantity(18.06e9, "OPS"), quantity(98.4, "%"), quantity(2.63, "\u{d7}")];
        assert_eq!(quantities, ["18.1 GOPS", "98.4 %", "2.63\u{d7}"]);
    }
}
