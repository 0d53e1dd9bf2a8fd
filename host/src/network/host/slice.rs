//! Slice: every `step`-th index from `start` to before `end`, along some axes.

use super::{HostOperator, Operand, Outline, known, known_list, list, places, strides, tensor};
use crate::network::shape::{Known, axis};
use crate::network::{Dim, TensorData};

/// Inputs 1 to 4: starts, ends, axes, steps, as ONNX has them from opset 10.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice;

/// One axis: first index, step, and how many.
#[derive(Clone, Copy)]
struct Cut {
    start: i64,
    step: i64,
    count: usize,
}

fn cut(size: usize, start: i64, end: i64, step: i64) -> Result<Cut, String> {
    if step == 0 || step == i64::MIN {
        return Err(format!("a step of {step}; expected another"));
    }
    let size = size as i64;
    let from_end = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
    let (low, high) = if step > 0 { (0, size) } else { (-1, size - 1) };
    let start = from_end(start).clamp(low.max(0), high.max(0));
    let end = from_end(end).clamp(low, high);
    let count = if step > 0 { (end - start).max(0) as u64 } else { (start - end).max(0) as u64 };
    let count = if size == 0 { 0 } else { count.div_ceil(step.unsigned_abs()) };
    Ok(Cut { start, step, count: count as usize })
}

struct Cuts {
    starts: Vec<i64>,
    ends: Vec<i64>,
    axes: Vec<i64>,
    steps: Vec<i64>,
}

impl Cuts {
    fn new(starts: Vec<i64>, ends: Vec<i64>, axes: Option<Vec<i64>>, steps: Option<Vec<i64>>) -> Result<Self, String> {
        let count = starts.len();
        let axes = axes.unwrap_or_else(|| (0..count as i64).collect());
        let steps = steps.unwrap_or_else(|| vec![1; count]);
        let cuts = Self { starts, ends, axes, steps };
        if [cuts.ends.len(), cuts.axes.len(), cuts.steps.len()].iter().all(|&length| length == count) {
            Ok(cuts)
        } else {
            Err(format!(
                "{count} starts, {} ends, {} axes, {} steps; expected as many of each",
                cuts.ends.len(),
                cuts.axes.len(),
                cuts.steps.len()
            ))
        }
    }

    fn of(&self, at: usize, rank: usize, size: usize) -> Result<Option<Cut>, String> {
        for index in 0..self.starts.len() {
            if axis(self.axes[index], rank)? == at {
                return cut(size, self.starts[index], self.ends[index], self.steps[index]).map(Some);
            }
        }
        Ok(None)
    }
}

impl HostOperator for Slice {
    fn kind(&self) -> &'static str {
        "Slice"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let input = known(inputs, 0)?;
        let Some(dims) = &input.dims else { return Ok(vec![Known::shaped(input.dtype, None)]) };
        let [(starts, _), (ends, _), (axes, axes_known), (steps, steps_known)] =
            [known_list(inputs, 1)?, known_list(inputs, 2)?, known_list(inputs, 3)?, known_list(inputs, 4)?];
        let (Some(starts), Some(ends), true, true) = (starts, ends, axes_known, steps_known) else {
            return Ok(vec![Known::shaped(input.dtype, Some(vec![Dim::Unknown; dims.len()]))]);
        };
        let cuts = Cuts::new(starts, ends, axes, steps)?;
        let dim = |(at, dim): (usize, &Dim)| {
            let cut = cuts.of(at, dims.len(), dim.fixed().unwrap_or(0))?;
            Ok(match (cut, dim) {
                (None, dim) => dim.clone(),
                (Some(cut), Dim::Fixed(_)) => Dim::Fixed(cut.count),
                (Some(_), _) => Dim::Unknown,
            })
        };
        let dims: Result<Vec<Dim>, String> = dims.iter().enumerate().map(dim).collect();
        Ok(vec![Known::shaped(input.dtype, Some(dims?))])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], outputs: &[Outline]) -> Result<Vec<TensorData>, String> {
        let input = tensor(inputs, 0)?;
        let Some(output) = outputs.first() else { return Ok(Vec::new()) };
        let (Some(starts), Some(ends)) = (list(inputs, 1)?, list(inputs, 2)?) else {
            return Err("starts or ends are missing; export the model again".into());
        };
        let cuts = Cuts::new(starts, ends, list(inputs, 3)?, list(inputs, 4)?)?;
        let (rank, steps) = (input.shape().len(), strides(input.shape()));
        let mut walk = Vec::with_capacity(rank);
        for (at, &size) in input.shape().iter().enumerate() {
            let cut = cuts.of(at, rank, size)?.unwrap_or(Cut { start: 0, step: 1, count: size });
            walk.push((cut.start, cut.step, steps[at] as i64));
        }
        let from = places(&output.shape, |at| {
            at.iter().zip(&walk).map(|(&at, (start, step, stride))| (start + at as i64 * step) * stride).sum::<i64>() as usize
        });
        Ok(vec![input.data().gather(from.into_iter())])
    }

    fn keeps_integers(&self) -> bool {
        true
    }
}
