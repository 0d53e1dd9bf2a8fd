//! Budgets: `cycles=0.5x`, `bops=12M`, `weight-bytes=16384`, `energy=0.3x`.

use super::PlannerError;
use super::costs::Metric;
use std::str::FromStr;

/// How much of something a plan may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// A share of what all layers at their widest take; above 0.
    Share(Decimal),
    /// So much, in the unit of [`Metric::show`].
    Absolute(u64),
}

/// A number as it was written: `digits / 10^places`, without zeros at the end of the fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    digits: u64,
    /// At most [`Decimal::MOST_PLACES`].
    places: u32,
}

/// A budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// What is limited.
    pub metric: Metric,
    /// To how much.
    pub amount: Amount,
}

impl Budget {
    /// The largest cost that the budget allows, where all layers at their widest cost `full`. Shares are rounded down.
    pub fn limit(&self, full: u64) -> u64 {
        match self.amount {
            Amount::Absolute(amount) => amount,
            // Of two 64-bit numbers; what no plan takes is no limit.
            Amount::Share(share) => u64::try_from(share.times(full).0).unwrap_or(u64::MAX),
        }
    }
}

impl FromStr for Budget {
    type Err = PlannerError;

    fn from_str(text: &str) -> Result<Self, PlannerError> {
        let refuse = |problem: String| PlannerError::Budget { found: text.to_owned(), problem };
        let (name, amount) = text.split_once('=').ok_or_else(|| refuse("there is no =".into()))?;
        let metric = Metric::ALL.into_iter().find(|metric| metric.key() == name);
        let metric = metric.ok_or_else(|| refuse(format!("{name:?} is nothing that a plan is limited in")))?;
        Ok(Self { metric, amount: parse_amount(amount, metric).map_err(refuse)? })
    }
}

impl Decimal {
    /// 10^38 is the largest power of ten in 128 bits.
    const MOST_PLACES: u32 = 38;

    /// Reads digits with at most one point.
    fn parse(text: &str) -> Result<Self, String> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let plain = whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
        if !plain || (whole.is_empty() && fraction.is_empty()) {
            return Err(format!("{text:?} is no amount"));
        }
        let fraction = fraction.trim_end_matches('0');
        let places = u32::try_from(fraction.len()).ok().filter(|&places| places <= Self::MOST_PLACES);
        let digits = whole
            .bytes()
            .chain(fraction.bytes())
            .try_fold(0u64, |digits, byte| digits.checked_mul(10)?.checked_add(u64::from(byte - b'0')));
        let counted = digits.zip(places).map(|(digits, places)| Self { digits, places });
        counted.ok_or_else(|| format!("{text} is beyond what can be counted"))
    }

    /// The product rounded down, and whether it is exact.
    const fn times(self, factor: u64) -> (u128, bool) {
        let (product, unit) = (self.digits as u128 * factor as u128, 10u128.pow(self.places));
        (product / unit, product.is_multiple_of(unit))
    }
}

fn parse_amount(text: &str, metric: Metric) -> Result<Amount, String> {
    if let Some(share) = text.strip_suffix('x') {
        let share = Decimal::parse(share)?;
        return if share.digits > 0 { Ok(Amount::Share(share)) } else { Err("a share must be above 0".into()) };
    }
    let (digits, factor) = match text.char_indices().next_back() {
        Some((at, 'k')) => (&text[..at], 1_000),
        Some((at, 'M')) => (&text[..at], 1_000_000),
        Some((at, 'G')) => (&text[..at], 1_000_000_000),
        _ => (text, 1),
    };
    let (amount, exact) = Decimal::parse(digits)?.times(factor * metric.per_unit());
    if !exact {
        return Err(format!("{text} has digits below {}", metric.counted_unit()));
    }
    u64::try_from(amount).map(Amount::Absolute).map_err(|_| format!("{text} is beyond what can be counted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_amounts_are_read() {
        let budget = |text: &str| text.parse::<Budget>().unwrap();
        assert_eq!(
            budget("cycles=0.5x"),
            Budget { metric: Metric::Cycles, amount: Amount::Share(Decimal { digits: 5, places: 1 }) }
        );
        assert_eq!(budget("cycles=0.5x"), budget("cycles=.500x"));
        assert_eq!(budget("cycles=0.5x").limit(2057), 1028);
        assert_eq!(budget("cycles=2x").limit(10), 20);
        // In floats, 28.999999999999996 and, of 53 bits, more than all.
        assert_eq!(budget("cycles=0.29x").limit(100), 29);
        assert_eq!(budget("cycles=1.0x").limit(u64::MAX - 1), u64::MAX - 1);
        assert_eq!(budget("cycles=18446744073709551615x").limit(u64::MAX), u64::MAX);
        assert_eq!(budget("cycles=0.00000000000000000001x").limit(u64::MAX), 0);
        assert_eq!(budget("cycles=250000").limit(7), 250_000);
        assert_eq!(budget("bops=1.5M").limit(7), 1_500_000);
        // In floats, 1000.9999999999999.
        assert_eq!(budget("cycles=1.001k").limit(7), 1001);
        assert_eq!(budget("cycles=18446744073709551.615k").limit(7), u64::MAX);
        assert_eq!(budget("bops=3G").limit(7), 3_000_000_000);
        // Bits and femtojoules inside.
        assert_eq!(budget("weight-bytes=16k").limit(7), 8 * 16_000);
        assert_eq!(budget("weight-bytes=0.125").limit(7), 1);
        assert_eq!(budget("energy=2.5").limit(7), 2_500_000);
        assert_eq!(budget("energy=0.000001").limit(7), 1);
    }

    #[test]
    fn what_is_no_budget_is_refused_and_named() {
        for (text, problem) in [
            ("cycles", "there is no ="),
            ("time=1x", "\"time\" is nothing that a plan is limited in"),
            ("cycles=", "\"\" is no amount"),
            ("cycles=0x", "a share must be above 0"),
            ("cycles=-1x", "\"-1\" is no amount"),
            ("cycles=nanx", "\"nan\" is no amount"),
            ("cycles=infx", "\"inf\" is no amount"),
            ("cycles=+5", "\"+5\" is no amount"),
            ("cycles=1e5", "\"1e5\" is no amount"),
            ("cycles=1.2.3", "\"1.2.3\" is no amount"),
            ("cycles=18446744073709551615k", "18446744073709551615k is beyond what can be counted"),
            ("cycles=99999999999999999999", "99999999999999999999 is beyond what can be counted"),
            (&format!("cycles={}x", "9".repeat(400)), &format!("{} is beyond what can be counted", "9".repeat(400))),
            (&format!("cycles=0.{}1x", "0".repeat(38)), &format!("0.{}1 is beyond what can be counted", "0".repeat(38))),
            ("cycles=0.000x", "a share must be above 0"),
            ("cycles=.", "\".\" is no amount"),
            ("cycles=1000.5", "1000.5 has digits below one cycle"),
            ("bops=1.0005k", "1.0005k has digits below one bit operation"),
            ("weight-bytes=0.1", "0.1 has digits below one bit"),
            ("energy=0.0000001", "0.0000001 has digits below one femtojoule"),
        ] {
            let error = text.parse::<Budget>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("budget {text:?}: {problem}; expected ")), "{error}");
        }
    }
}
