//! The same random work on every model: outputs, cycle counts, counters and every boundary signal must be equal.
//!
//! Each model keeps its machine through all cases, so a case also meets what the ones before left in the memories. Both streams
//! are held back at random, at the same cycles for every model.

mod cases;

pub use cases::{Case, cases, large_cases};

use crate::backend::{BackendError, BackendKind};
use crate::gemm::GemmError;
use crate::session::{Session, SessionError};
use cases::Trace;
use crumb_arch::ArrayConfig;
use crumb_arch::stall::Stall;
use serde::Serialize;

/// Boundary signals that are compared in every cycle.
pub const BOUNDARY_SIGNALS: [&str; 10] = [
    "s_axis_tvalid",
    "s_axis_tready",
    "s_axis_tdata",
    "s_axis_tlast",
    "m_axis_tvalid",
    "m_axis_tready",
    "m_axis_tdata",
    "m_axis_tlast",
    "error",
    "idle",
];

/// Why a comparison could not be made.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A model cannot be opened.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A model failed.
    #[error("{model}, case {case}: {source}")]
    Model {
        /// Which model.
        model: &'static str,
        /// The case.
        case: String,
        /// What happened.
        source: Box<GemmError>,
    },
}

/// How a model compares with plain loops, and with the first model that has a clock.
#[derive(Clone, Debug, Serialize)]
pub struct ModelReport {
    /// The model.
    pub model: &'static str,
    /// Cases run.
    pub cases: usize,
    /// Clock cycles (`None` for a model without a clock).
    pub cycles: Option<u64>,
    /// Whether this is the model that those after it are compared with, cycle by cycle: nothing in it is compared with itself.
    pub standard: bool,
    /// Outputs equal to plain loops, element by element.
    pub outputs_equal: bool,
    /// Cycle counts equal to the standard's (`None` for the standard itself, and for a model without a clock).
    pub cycles_equal: Option<bool>,
    /// Every counter equal to the standard's.
    pub counters_equal: Option<bool>,
    /// Every boundary signal equal to the standard's in every cycle.
    pub signals_equal: Option<bool>,
    /// The first case in which something differs.
    pub first_difference: Option<String>,
}

impl ModelReport {
    /// Whether nothing differs.
    pub fn is_equal(&self) -> bool {
        self.first_difference.is_none()
    }
}

/// Runs the cases on each model and compares: outputs with plain loops, everything else with the first clocked model.
///
/// # Errors
/// If a model cannot be opened or fails.
pub fn verify(
    config: &ArrayConfig,
    models: &[BackendKind],
    cases: &[Case],
    mut progress: impl FnMut(&str),
) -> Result<Vec<ModelReport>, VerifyError> {
    let expected: Vec<Vec<i32>> = cases.iter().map(Case::expected).collect();
    let mut yardstick: Option<Vec<Trace>> = None;
    let mut reports = Vec::new();
    for &kind in models {
        let stall = |seed| Stall { seed, percent: 20 };
        let mut session = Session::new(kind.open(config)?).with_stalls(stall(1), stall(1001));
        let clocked = session.backend().is_clocked();
        let mut traces = Vec::new();
        for case in cases {
            progress(kind.name());
            let failed = |source| VerifyError::Model { model: kind.name(), case: case.name.clone(), source: Box::new(source) };
            traces.push(case.run(&mut session).map_err(failed)?);
        }
        reports.push(compare(kind.name(), clocked, cases, &expected, &traces, yardstick.as_deref()));
        if clocked && yardstick.is_none() {
            yardstick = Some(traces);
        }
    }
    Ok(reports)
}

fn compare(
    model: &'static str,
    clocked: bool,
    cases: &[Case],
    expected: &[Vec<i32>],
    traces: &[Trace],
    yardstick: Option<&[Trace]>,
) -> ModelReport {
    let wrong_output = traces.iter().zip(expected).position(|(t, e)| t.output != *e);
    let other = yardstick.filter(|_| clocked);
    let differs = |different: fn(&Trace, &Trace) -> bool| other.map(|y| traces.iter().zip(y).position(|(a, b)| different(a, b)));
    let cycles = differs(|a, b| a.cycles != b.cycles);
    let counters = differs(|a, b| a.counters != b.counters);
    let signals = differs(|a, b| a.signature != b.signature);
    let what = [("outputs", Some(wrong_output)), ("cycles", cycles), ("counters", counters), ("boundary signals", signals)];
    let first = what.iter().filter_map(|(name, at)| at.flatten().map(|i| (i, *name))).min();
    ModelReport {
        model,
        cases: traces.len(),
        cycles: clocked.then(|| traces.last().map_or(0, |t| t.cycles)),
        standard: clocked && yardstick.is_none(),
        outputs_equal: wrong_output.is_none(),
        cycles_equal: cycles.map(|at| at.is_none()),
        counters_equal: counters.map(|at| at.is_none()),
        signals_equal: signals.map(|at| at.is_none()),
        first_difference: first.map(|(i, name)| format!("{name} in case {i}: {}", cases[i].name)),
    }
}

impl From<SessionError> for VerifyError {
    fn from(error: SessionError) -> Self {
        Self::Model { model: "session", case: "opening".into(), source: Box::new(error.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumb_arch::Counters;

    #[test]
    fn the_standard_is_compared_with_nothing_and_the_others_with_it() {
        let config = ArrayConfig::named("tiny").unwrap();
        let cases = &cases(&config, 1, 1)[..2];
        let expected: Vec<Vec<i32>> = cases.iter().map(Case::expected).collect();
        let trace = |(i, output): (usize, &Vec<i32>)| Trace {
            output: output.clone(),
            counters: Counters::default(),
            cycles: 10 * (1 + i as u64),
            signature: 7,
        };
        let good: Vec<Trace> = expected.iter().enumerate().map(trace).collect();
        let standard = compare("sim", true, cases, &expected, &good, None);
        assert!(standard.standard && standard.is_equal() && standard.cycles == Some(20));
        assert_eq!((standard.cycles_equal, standard.counters_equal, standard.signals_equal), (None, None, None));

        let same = compare("rtl", true, cases, &expected, &good, Some(&good));
        assert_eq!((same.standard, same.cycles_equal, same.signals_equal), (false, Some(true), Some(true)));
        let mut bad = good.clone();
        bad[1].signature = 8;
        let other = compare("rtl", true, cases, &expected, &bad, Some(&good));
        assert_eq!((other.cycles_equal, other.signals_equal), (Some(true), Some(false)));
        assert!(other.first_difference.unwrap().starts_with("boundary signals in case 1: "));

        let clockless = compare("reference", false, cases, &expected, &good, None);
        assert_eq!((clockless.standard, clockless.cycles, clockless.cycles_equal), (false, None, None));
    }
}
