//! Budgets: `cycles=0.5x`, `bops=12M`, `weight-bytes=16384`, `energy=0.3x`.

use super::PlannerError;
use super::costs::Metric;
use std::str::FromStr;

/// How much of something a plan may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// A share of what all layers at their widest take; above 0.
    Share(f64),
    /// So much, in the unit of [`Metric::show`].
    Absolute(u64),
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
            // A conversion of floats saturates.
            Amount::Share(share) => (full as f64 * share).floor() as u64,
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

fn parse_amount(text: &str, metric: Metric) -> Result<Amount, String> {
    let number = |text: &str| {
        // "inf" and "nan" are numbers to Rust.
        let plain = text.chars().all(|c| c.is_ascii_digit() || c == '.') && text.contains(|c: char| c.is_ascii_digit());
        if plain { text.parse::<f64>().ok() } else { None }
    };
    let bad = || format!("{text:?} is no amount");
    if let Some(share) = text.strip_suffix('x') {
        let share = number(share).ok_or_else(bad)?;
        return if share > 0.0 { Ok(Amount::Share(share)) } else { Err("a share must be above 0".into()) };
    }
    let (digits, factor) = match text.char_indices().next_back() {
        Some((at, 'k')) => (&text[..at], 1_000),
        Some((at, 'M')) => (&text[..at], 1_000_000),
        Some((at, 'G')) => (&text[..at], 1_000_000_000),
        _ => (text, 1),
    };
    let factor = factor * metric.per_unit();
    let whole = digits.parse::<u64>().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
    if let Some(whole) = whole {
        return whole.checked_mul(factor).map(Amount::Absolute).ok_or_else(|| format!("{text} is beyond what can be counted"));
    }
    let amount = number(digits).ok_or_else(bad)? * factor as f64;
    if amount < 2f64.powi(63) { Ok(Amount::Absolute(amount.floor() as u64)) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_amounts_are_read() {
        let budget = |text: &str| text.parse::<Budget>().unwrap();
        assert_eq!(budget("cycles=0.5x"), Budget { metric: Metric::Cycles, amount: Amount::Share(0.5) });
        assert_eq!(budget("cycles=0.5x").limit(2057), 1028);
        assert_eq!(budget("cycles=2x").limit(10), 20);
        assert_eq!(budget("cycles=250000").limit(7), 250_000);
        assert_eq!(budget("bops=1.5M").limit(7), 1_500_000);
        assert_eq!(budget("bops=3G").limit(7), 3_000_000_000);
        // Bits and femtojoules inside.
        assert_eq!(budget("weight-bytes=16k").limit(7), 8 * 16_000);
        assert_eq!(budget("energy=2.5").limit(7), 2_500_000);
    }

    #[test]
    fn what_is_no_budget_is_refused_and_named() {
        for (text, problem) in [
            ("cycles", "there is no ="),
            ("time=1x", "\"time\" is nothing that a plan is limited in"),
            ("cycles=", "\"\" is no amount"),
            ("cycles=0x", "a share must be above 0"),
            ("cycles=-1x", "\"-1x\" is no amount"),
            ("cycles=nanx", "\"nanx\" is no amount"),
            ("cycles=infx", "\"infx\" is no amount"),
            ("cycles=+5", "\"+5\" is no amount"),
            ("cycles=1e5", "\"1e5\" is no amount"),
            ("cycles=1.2.3", "\"1.2.3\" is no amount"),
            ("cycles=18446744073709551615k", "18446744073709551615k is beyond what can be counted"),
            ("cycles=99999999999999999999", "\"99999999999999999999\" is no amount"),
        ] {
            let error = text.parse::<Budget>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("budget {text:?}: {problem}; expected ")), "{error}");
        }
    }
}
