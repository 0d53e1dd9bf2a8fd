//! Anytime inference: all images at the upper bits of the weights, and those whose answer is in doubt once more at all of them.
//!
//! The first run takes each weight's upper 4 (or 2) bits, rounded down. Where the two largest outputs of an image are closer than a
//! margin, it runs again with the lower slices of the same weights added to every sum: exactly the int8 network. Only the first layer's
//! sums could be taken over from the first run, as every later layer's input changes; the machine keeps none, so all passes are counted.

use crate::benchmark::{RunReport, measure};
use crate::network::machine::{MachineEngine, MachineRunError};
use crate::network::{LayerPrecision, Network, NetworkError, Op, PrecisionPlan, Rounding, Tensor, TensorData};
use crumb_arch::ArrayConfig;
use serde::Serialize;

/// What anytime inference gave.
#[derive(Debug, Clone, Serialize)]
pub struct Refined {
    /// The margin under which images were refined.
    pub margin: f32,
    /// Images of the first run.
    pub images: usize,
    /// The first run, over all images.
    pub first: RunReport,
    /// The second run, over the images that were in doubt; `None` if none was.
    pub second: Option<RunReport>,
    /// Images of the second run.
    pub refined: Vec<usize>,
    /// Right answers after both runs, where labels are known.
    pub correct: Option<usize>,
    /// Cycles of both runs, on machines that count them.
    pub cycles: Option<u64>,
    /// Outputs `[images, classes]` after both runs.
    #[serde(skip)]
    pub outputs: Vec<Vec<f32>>,
}

/// The plan of the first run: weights rounded down, so that lower slices can be added.
pub fn floored(plan: &PrecisionPlan) -> PrecisionPlan {
    let mut plan = plan.clone();
    plan.default.rounding = Rounding::Floor;
    plan.layers.values_mut().for_each(|precision| precision.rounding = Rounding::Floor);
    plan
}

/// The plan of the second run: the int8 weights, of 4- and 2-bit ones by adding the lower slices.
pub fn refined(plan: &PrecisionPlan) -> PrecisionPlan {
    let mut plan = floored(plan);
    let refine = |precision: &mut LayerPrecision| match precision.weight_bits {
        2 | 4 => precision.refined = true,
        _ => precision.weight_bits = 8,
    };
    refine(&mut plan.default);
    plan.layers.values_mut().for_each(refine);
    plan
}

/// Difference between the two largest of a row.
pub fn margin(row: &[f32]) -> f32 {
    let mut largest = [f32::NEG_INFINITY; 2];
    for &value in row {
        if value > largest[0] {
            largest = [value, largest[0]];
        } else if value > largest[1] {
            largest[1] = value;
        }
    }
    largest[0] - largest[1]
}

/// Whether the two largest of a row are closer than a threshold, or cannot be told apart: NaN, or two infinities.
fn in_doubt(row: &[f32], threshold: f32) -> bool {
    let margin = margin(row);
    margin.is_nan() || margin < threshold || row.iter().any(|value| value.is_nan())
}

/// Runs a classifier: one input with images along its first dimension, first output `[images, classes]`. Ties of answers go to the
/// lower class.
///
/// # Errors
/// If the network is no such classifier, or the machine cannot run it.
pub fn run(
    engine: &mut MachineEngine<'_>,
    config: &ArrayConfig,
    network: &Network,
    inputs: &[Tensor],
    plan: &PrecisionPlan,
    threshold: f32,
    labels: Option<&[i64]>,
) -> Result<Refined, MachineRunError> {
    let not_a_classifier = |problem: String| NetworkError::Layer { layer: network.name.clone(), problem };
    let [input] = inputs else {
        return Err(not_a_classifier(format!("it has {} inputs, expected one", inputs.len())).into());
    };
    let narrow = |op: &Op| !matches!(op, Op::Host(_)) && plan.of(op).weight_bits < 8;
    if !network.nodes.iter().any(|node| narrow(&node.op)) {
        let problem = "no layer of the plan has weights of fewer than 8 bits, so there is nothing to refine";
        return Err(not_a_classifier(problem.into()).into());
    }
    let images = input.shape().first().copied().unwrap_or(0);
    if let Some(labels) = labels.filter(|labels| labels.len() != images) {
        return Err(not_a_classifier(format!("{} labels for {images} images", labels.len())).into());
    }
    let (mut first, execution) = measure(engine, config, network, inputs, "first", &floored(plan))?;
    let rows = |output: Option<&&Tensor>, images: usize| -> Result<Vec<Vec<f32>>, NetworkError> {
        let output = output.ok_or_else(|| not_a_classifier("it has no output".into()))?;
        match (output.floats(), output.shape()) {
            (Some(values), &[rows, classes]) if rows == images && classes > 1 => {
                Ok(values.chunks_exact(classes).map(<[f32]>::to_vec).collect())
            }
            _ => Err(not_a_classifier(format!(
                "its first output is {} {:?}, expected float32 [{images}, classes]",
                output.dtype(),
                output.shape()
            ))),
        }
    };
    let mut outputs = rows(execution.outputs().first(), images)?;
    first.correct = labels.map(|labels| correct(&outputs, labels));
    let doubtful: Vec<usize> = (0..images).filter(|&image| in_doubt(&outputs[image], threshold)).collect();
    let mut second = None;
    if !doubtful.is_empty() {
        let part = chosen(input, &doubtful)?;
        let (report, execution) = measure(engine, config, network, &[part], "refined", &refined(plan))?;
        for (&image, row) in doubtful.iter().zip(rows(execution.outputs().first(), doubtful.len())?) {
            outputs[image] = row;
        }
        second = Some(report);
    }
    let cycles = first.cycles.map(|cycles| cycles + second.as_ref().and_then(|report| report.cycles).unwrap_or(0));
    let correct = labels.map(|labels| correct(&outputs, labels));
    Ok(Refined { margin: threshold, images, first, second, refined: doubtful, correct, cycles, outputs })
}

/// Right answers.
fn correct(outputs: &[Vec<f32>], labels: &[i64]) -> usize {
    let answer = |row: &[f32]| (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best });
    outputs.iter().zip(labels).filter(|(row, label)| answer(row) as i64 == **label).count()
}

/// Some images of a batch.
fn chosen(input: &Tensor, images: &[usize]) -> Result<Tensor, NetworkError> {
    let size: usize = input.shape()[1..].iter().product();
    let data: TensorData = input.data().gather(images.iter().flat_map(|&image| image * size..(image + 1) * size));
    Tensor::new(std::iter::once(images.len()).chain(input.shape()[1..].iter().copied()).collect(), data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn margins() {
        assert_eq!(margin(&[1.0, 4.0, 2.5]), 1.5);
        assert_eq!(margin(&[4.0, 4.0]), 0.0);
        assert_eq!(margin(&[-1.0, -3.0]), 2.0);
    }
}
