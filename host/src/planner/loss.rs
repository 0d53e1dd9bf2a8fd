//! What is lost: a network's output against that of its widest plan, and images classified correctly.

use super::error::PlannerError;
use crate::network::{Contract, Execution, Network, PrecisionPlan, Tensor, Vectorised, execute};
use rayon::prelude::*;

/// How an output's distance from another is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Loss {
    /// Squared error of the output, as a share of the output's own squares.
    RelativeError,
    /// Kullback-Leibler divergence of the softmax of the last axis, in nats, averaged over rows: for classifiers.
    Kl,
    /// Cross-entropy of the labels, in nats, less that of the widest plan: what a classifier is trained for; may be negative.
    CrossEntropy,
}

/// A network's first output as rows of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    values: Vec<f64>,
    /// Length of the last axis.
    row: usize,
}

impl Output {
    fn of(execution: &Execution) -> Result<Self, PlannerError> {
        let outputs = execution.outputs();
        let output = outputs.first().ok_or_else(|| PlannerError::Output { found: "missing".into() })?;
        let values: Option<Vec<f64>> = match (output.floats(), output.ints()) {
            (Some(floats), _) => Some(floats.iter().map(|&value| f64::from(value)).collect()),
            (None, Some(integers)) => Some(integers.into_iter().map(f64::from).collect()),
            (None, None) => None,
        };
        let found = || PlannerError::Output { found: format!("of type {}", output.dtype()) };
        let row = output.shape().last().copied().unwrap_or(1);
        Ok(Self { values: values.ok_or_else(found)?, row: row.max(1) })
    }

    /// Images whose largest value is at their label; ties go to the lower index.
    ///
    /// # Errors
    /// If there are not as many labels as rows.
    pub fn correct(&self, labels: &[i64]) -> Result<usize, PlannerError> {
        let rows = self.values.chunks_exact(self.row);
        if rows.len() != labels.len() {
            return Err(PlannerError::Labels { labels: labels.len(), images: rows.len() });
        }
        let largest = |row: &[f64]| (0..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best });
        Ok(rows.zip(labels).filter(|(row, label)| i64::try_from(largest(row)) == Ok(**label)).count())
    }

    /// Mean of `-log softmax` at the labels.
    fn cross_entropy(&self, labels: &[i64]) -> Result<f64, PlannerError> {
        let rows = self.values.chunks_exact(self.row);
        if rows.len() != labels.len() {
            return Err(PlannerError::Labels { labels: labels.len(), images: rows.len() });
        }
        let count = labels.len().max(1) as f64;
        let of = |(row, &label): (&[f64], &i64)| {
            let logit = usize::try_from(label).ok().and_then(|label| row.get(label));
            logit.map(|logit| log_sum(row) - logit).ok_or(PlannerError::Label { label, classes: self.row })
        };
        Ok(rows.zip(labels).map(of).sum::<Result<f64, PlannerError>>()? / count)
    }
}

impl Loss {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RelativeError => "relative error",
            Self::Kl => "KL divergence",
            Self::CrossEntropy => "cross-entropy",
        }
    }

    /// What an output loses against the one that is wanted; 0 for the same.
    ///
    /// # Errors
    /// If labels are needed, and there are none, not as many as rows, or some that are no index of a row.
    pub fn of(self, wanted: &Output, found: &Output, labels: Option<&[i64]>) -> Result<f64, PlannerError> {
        Ok(match self {
            Self::RelativeError => {
                let squares: f64 = wanted.values.iter().map(|value| value * value).sum();
                let errors: f64 = wanted.values.iter().zip(&found.values).map(|(a, b)| (a - b) * (a - b)).sum();
                if squares > 0.0 { errors / squares } else { errors }
            }
            Self::Kl => {
                let rows = wanted.values.chunks_exact(wanted.row).zip(found.values.chunks_exact(found.row));
                let count = rows.len().max(1);
                rows.map(|(a, b)| divergence(a, b)).sum::<f64>() / count as f64
            }
            Self::CrossEntropy => {
                let labels = labels.ok_or(PlannerError::NoLabels)?;
                found.cross_entropy(labels)? - wanted.cross_entropy(labels)?
            }
        })
    }
}

/// Logarithm of the sum of the exponentials of a row.
fn log_sum(row: &[f64]) -> f64 {
    let peak = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    peak + row.iter().map(|value| (value - peak).exp()).sum::<f64>().ln()
}

/// `sum p (log p - log q)` of the softmax of two rows; rounding may not make it negative.
fn divergence(a: &[f64], b: &[f64]) -> f64 {
    let (la, lb) = (log_sum(a), log_sum(b));
    a.iter().zip(b).map(|(a, b)| (a - la).exp() * ((a - la) - (b - lb))).sum::<f64>().max(0.0)
}

/// The output of a network at each of some plans, on all cores; `done` is told of each.
///
/// # Errors
/// If a plan or the inputs are refused.
pub fn outputs(
    network: &Network,
    inputs: &[Tensor],
    plans: &[PrecisionPlan],
    done: &(dyn Fn() + Sync),
) -> Result<Vec<Output>, PlannerError> {
    plans
        .par_iter()
        .map(|plan| {
            let execution = execute(network, inputs, plan, &Contract, &mut Vectorised(&Contract))?;
            done();
            Output::of(&execution)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(values: &[f64]) -> Output {
        Output { values: values.to_vec(), row: 2 }
    }

    #[test]
    fn losses_are_what_they_say() {
        let (a, b) = (output(&[3.0, 4.0]), output(&[3.0, 5.0]));
        let of = |loss: Loss, a: &Output, b: &Output| loss.of(a, b, Some(&[1])).unwrap();
        assert_eq!(of(Loss::RelativeError, &a, &b), 1.0 / 25.0);
        for loss in [Loss::RelativeError, Loss::Kl, Loss::CrossEntropy] {
            assert_eq!(of(loss, &a, &a), 0.0);
        }
        // A row that is shifted as a whole is the same distribution.
        assert!(of(Loss::Kl, &a, &output(&[103.0, 104.0])) < 1e-12);
        // p = (1/4, 3/4), q = (1/2, 1/2): ln 2 - H(p).
        let (p, q) = (output(&[0.0, 3f64.ln()]), output(&[7.0, 7.0]));
        let found = of(Loss::Kl, &p, &q);
        assert!((found - (0.25 * 0.5f64.ln() + 0.75 * 1.5f64.ln())).abs() < 1e-12, "{found}");
        // Of label 1: -ln 1/2 + ln 3/4.
        let found = of(Loss::CrossEntropy, &p, &q);
        assert!((found - 1.5f64.ln()).abs() < 1e-12, "{found}");
    }

    #[test]
    fn cross_entropy_needs_labels_of_classes() {
        let a = output(&[3.0, 4.0]);
        let refused = |labels: Option<&[i64]>| Loss::CrossEntropy.of(&a, &a, labels).unwrap_err().to_string();
        assert_eq!(refused(None), "cross-entropy is of labels: give them, or another --loss");
        assert_eq!(refused(Some(&[2])), "label 2 is no index of 2 outputs");
        assert_eq!(refused(Some(&[-1])), "label -1 is no index of 2 outputs");
        assert_eq!(refused(Some(&[0, 1])), "2 labels for 1 images: give one for each");
    }

    #[test]
    fn the_first_of_the_largest_counts() {
        let found = output(&[1.0, 1.0, 0.0, 2.0, 5.0, 4.0]);
        assert_eq!(found.correct(&[0, 1, 0]).unwrap(), 3);
        assert_eq!(found.correct(&[1, 1, -1]).unwrap(), 1);
        assert_eq!(found.correct(&[0]).unwrap_err().to_string(), "1 labels for 3 images: give one for each");
    }
}
