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
    /// If there are not as many labels as rows, or one is no index of a row.
    pub fn correct(&self, labels: &[i64]) -> Result<usize, PlannerError> {
        let largest = |row: &[f64]| (0..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best });
        Ok(self.labelled(labels)?.filter(|(row, label)| largest(row) == *label).count())
    }

    /// Rows, each with the index that its label is.
    fn labelled(&self, labels: &[i64]) -> Result<impl Iterator<Item = (&[f64], usize)>, PlannerError> {
        let rows = self.values.chunks_exact(self.row);
        let indices = check_labels(labels, rows.len(), self.row)?;
        Ok(rows.zip(indices))
    }

    /// Mean of `-log softmax` at the labels.
    fn cross_entropy(&self, labels: &[i64]) -> Result<f64, PlannerError> {
        let count = labels.len().max(1) as f64;
        Ok(self.labelled(labels)?.map(|(row, label)| log_sum(row) - row[label]).sum::<f64>() / count)
    }
}

/// Labels as indices: one for each image, each of a class.
///
/// # Errors
/// If there are not as many labels as images, or one is negative or not below the number of classes.
pub fn check_labels(labels: &[i64], images: usize, classes: usize) -> Result<Vec<usize>, PlannerError> {
    if labels.len() != images {
        return Err(PlannerError::Labels { labels: labels.len(), images });
    }
    let index = |(image, &label): (usize, &i64)| {
        let index = usize::try_from(label).ok().filter(|&index| index < classes);
        index.ok_or(PlannerError::Label { label, image, classes })
    };
    labels.iter().enumerate().map(index).collect()
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
    /// If labels are needed, and there are none, not as many as rows, or some that are no index of a row; if the loss is infinite or no
    /// number, which no comparison may meet.
    pub fn of(self, wanted: &Output, found: &Output, labels: Option<&[i64]>) -> Result<f64, PlannerError> {
        let loss = match self {
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
        };
        if loss.is_finite() { Ok(loss) } else { Err(PlannerError::NoLoss { loss: self.name() }) }
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
    let sum: f64 = a.iter().zip(b).map(|(a, b)| (a - la).exp() * ((a - la) - (b - lb))).sum();
    // `max` would make 0 of what is no number.
    if sum < 0.0 { 0.0 } else { sum }
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
    reduced(network, inputs, plans, &Ok, done)
}

/// What is to be known of the output of a network at each of some plans, on all cores: only as many outputs as there are cores are there
/// at once. `done` is told of each.
///
/// # Errors
/// If the network refuses the inputs or a plan, its output is not numbers, or `reduce` refuses it.
pub fn reduced<T: Send>(
    network: &Network,
    inputs: &[Tensor],
    plans: &[PrecisionPlan],
    reduce: &(dyn Fn(Output) -> Result<T, PlannerError> + Sync),
    done: &(dyn Fn() + Sync),
) -> Result<Vec<T>, PlannerError> {
    plans
        .par_iter()
        .map(|plan| {
            let output = Output::of(&execute(network, inputs, plan, &Contract, &mut Vectorised(&Contract))?)?;
            let found = reduce(output)?;
            done();
            Ok(found)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

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
        assert_eq!(refused(Some(&[2])), "label 2 of image 0: expected 0 to 1, as the first output has 2 classes");
        assert_eq!(refused(Some(&[-1])), "label -1 of image 0: expected 0 to 1, as the first output has 2 classes");
        assert_eq!(refused(Some(&[0, 1])), "2 labels for 1 images: give one for each");
    }

    #[test]
    fn the_first_of_the_largest_counts() {
        let found = output(&[1.0, 1.0, 0.0, 2.0, 5.0, 4.0]);
        assert_eq!(found.correct(&[0, 1, 0]).unwrap(), 3);
        assert_eq!(found.correct(&[1, 1, 1]).unwrap(), 1);
        for label in [-1, 2, 99, i64::MIN, i64::MAX] {
            let said = found.correct(&[1, 1, label]).unwrap_err().to_string();
            assert_eq!(said, format!("label {label} of image 2: expected 0 to 1, as the first output has 2 classes"));
        }
        assert_eq!(found.correct(&[0]).unwrap_err().to_string(), "1 labels for 3 images: give one for each");
    }

    #[test]
    fn what_is_no_number_is_no_loss() {
        let plain = output(&[3.0, 4.0]);
        for loss in [Loss::RelativeError, Loss::Kl, Loss::CrossEntropy] {
            for bad in [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let bad = output(&[3.0, bad]);
                let said = loss.of(&plain, &bad, Some(&[1])).unwrap_err().to_string();
                assert!(
                    said.starts_with(&format!("the {} of the network's first output is infinite or no", loss.name())),
                    "{said}"
                );
                assert!(loss.of(&bad, &plain, Some(&[1])).is_err(), "{loss:?}");
            }
        }
    }

    #[test]
    fn outputs_are_reduced_one_by_one() {
        let digits = crate::digits::load().unwrap();
        let inputs = [digits.images.part(0, vec![1, 1, 8, 8]).unwrap()];
        let plans = vec![PrecisionPlan::default(); 3];
        // An output lives from its reduction to `done`, where the reduction keeps nothing of it; one thread has one at a time.
        let (living, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let reduce = |_| {
            most.fetch_max(living.fetch_add(1, Relaxed) + 1, Relaxed);
            Ok(())
        };
        let done = || {
            living.fetch_sub(1, Relaxed);
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let found = pool.install(|| reduced(&digits.network, &inputs, &plans, &reduce, &done)).unwrap();
        assert_eq!((found.len(), living.into_inner(), most.into_inner()), (3, 0, 1));
    }
}
