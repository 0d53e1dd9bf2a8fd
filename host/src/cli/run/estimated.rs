//! Whether a run cost what its estimate says.

use crate::benchmark::RunReport;
use crate::cli::Failure;
use crate::cli::files::at;
use crate::cli::options::Message;
use crate::estimate::network::Workload;
use crate::estimate::product::Costs;
use crate::network::machine::LayerReport;
use crate::network::{Network, PrecisionPlan, Tensor};
use crumb_arch::ArrayConfig;

/// The first difference between a run and its estimate, in words; `origin` is the network.
///
/// # Errors
/// A machine that does not count, and a network that has no estimate.
pub fn compare(
    origin: &str,
    (network, inputs): (&Network, &[Tensor]),
    plan: &PrecisionPlan,
    config: &ArrayConfig,
    run: &RunReport,
) -> Result<Option<String>, Failure> {
    if run.cycles.is_none() {
        let text = "--check-estimate: this backend has no clock, so it counts nothing; use --backend sim";
        return Err(Message(text.into()).into());
    }
    let shapes: Vec<Vec<usize>> = inputs.iter().map(|input| input.shape().to_vec()).collect();
    let workload = Workload::of_network(network, &shapes, plan, config).map_err(at(origin))?;
    let estimate = Costs::new(config).network(&workload, None).map_err(at(origin))?;
    let estimated: Vec<LayerReport> = estimate.layers.into_iter().map(|layer| layer.report).collect();
    Ok(difference(&estimated, &run.reports))
}

/// The first difference, in words.
fn difference(estimated: &[LayerReport], measured: &[LayerReport]) -> Option<String> {
    if estimated.len() != measured.len() {
        return Some(format!("{} layers were estimated, but {} ran", estimated.len(), measured.len()));
    }
    let (a, b) = estimated.iter().zip(measured).find(|(a, b)| a != b)?;
    let counters = a.counters.iter().zip(b.counters.iter()).find(|((_, a), (_, b))| a != b);
    Some(match counters {
        Some(((counter, a_value), (_, b_value))) => {
            format!("layer {:?}: {} is estimated at {a_value}, but {b_value} was counted", b.name, counter.name())
        }
        None => format!(
            "layer {:?} is estimated as {:?} at {}, but ran as {:?} at {}",
            b.name,
            a.name,
            a.precision(),
            b.name,
            b.precision()
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::LayerPrecision;
    use crumb_arch::{Counter, Counters};

    fn report(tiles: u64) -> LayerReport {
        let mut counters = Counters::default();
        counters[Counter::Tiles] = tiles;
        let precision = LayerPrecision::default();
        LayerReport { name: "conv".into(), macs: 1, important_macs: 0, precision, important: None, read_out: None, counters }
    }

    #[test]
    fn differences_are_said() {
        assert_eq!(difference(&[report(3)], &[report(3)]), None);
        assert_eq!(difference(&[report(3)], &[]).unwrap(), "1 layers were estimated, but 0 ran");
        assert_eq!(difference(&[report(3)], &[report(4)]).unwrap(), "layer \"conv\": tiles is estimated at 3, but 4 was counted");
    }
}
