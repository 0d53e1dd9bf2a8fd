//! Resize by the nearest element. Coordinates are computed in float32, as onnxruntime does.

use super::{HostOperator, Operand, Outline, known, optional, places, strides, tensor};
use crate::network::shape::Known;
use crate::network::{Dim, TensorData};

/// `coordinate_transformation_mode`: from an output index `x` to an input coordinate; `s` is output size over input size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coordinates {
    /// `x / s`
    Asymmetric,
    /// `(x + 0.5) / s - 0.5`
    HalfPixel,
    /// The same, but 0 for an output of one element.
    PytorchHalfPixel,
    /// `x * (input - 1) / (output - 1)`
    AlignCorners,
}

/// `nearest_mode`: from a coordinate to an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nearest {
    /// Ties go down.
    RoundPreferFloor,
    /// Ties go up.
    RoundPreferCeil,
    /// Down.
    Floor,
    /// Up.
    Ceil,
}

/// Input 2: scales of all axes (float32), or input 3: sizes (int64).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resize {
    /// From outputs to coordinates.
    pub coordinates: Coordinates,
    /// From coordinates to inputs.
    pub nearest: Nearest,
}

impl Resize {
    /// Output size and scale of each axis; sizes are `None` where they are not known.
    fn axes(
        sizes: &[Option<usize>],
        scales: Option<&[f32]>,
        wanted: Option<&[i64]>,
    ) -> Result<Vec<(Option<usize>, f32)>, String> {
        let rank = sizes.len();
        match (scales.filter(|scales| !scales.is_empty()), wanted.filter(|wanted| !wanted.is_empty())) {
            (Some(scales), None) if scales.len() == rank => {
                let axis = |(&size, &scale): (&Option<usize>, &f32)| {
                    if !(scale > 0.0 && scale.is_finite()) {
                        return Err(format!("a scale of {scale}; expected finite scales above zero"));
                    }
                    Ok((size.map(|size| (scale * size as f32) as usize), scale))
                };
                sizes.iter().zip(scales).map(axis).collect()
            }
            (None, Some(wanted)) if wanted.len() == rank => {
                let axis = |(&size, &wanted): (&Option<usize>, &i64)| {
                    let wanted = usize::try_from(wanted).map_err(|_| format!("a size of {wanted}; sizes are 0 and more"))?;
                    Ok((Some(wanted), size.map_or(1.0, |size| wanted as f32 / size as f32)))
                };
                sizes.iter().zip(wanted).map(axis).collect()
            }
            _ => Err(format!("expected scales or sizes, one for each of the {rank} axes, and not both")),
        }
    }

    fn source(self, index: usize, input: usize, output: usize, scale: f32) -> usize {
        let x = index as f32;
        let coordinate = match self.coordinates {
            _ if scale == 1.0 => x,
            Coordinates::Asymmetric => x / scale,
            Coordinates::HalfPixel => (x + 0.5) / scale - 0.5,
            Coordinates::PytorchHalfPixel => {
                if output > 1 {
                    (x + 0.5) / scale - 0.5
                } else {
                    0.0
                }
            }
            Coordinates::AlignCorners if output <= 1 => 0.0,
            Coordinates::AlignCorners => x * (input as f32 - 1.0) / (output as f32 - 1.0),
        };
        let place = match self.nearest {
            Nearest::RoundPreferFloor if is_tie(coordinate) => coordinate.floor(),
            Nearest::RoundPreferCeil if is_tie(coordinate) => coordinate.ceil(),
            Nearest::RoundPreferFloor | Nearest::RoundPreferCeil => coordinate.round(),
            Nearest::Floor => coordinate.floor(),
            Nearest::Ceil => coordinate.ceil(),
        };
        (place.max(0.0) as usize).min(input.saturating_sub(1))
    }
}

/// Whether a coordinate counts as half way between two elements: onnxruntime allows for rounding.
fn is_tie(coordinate: f32) -> bool {
    (coordinate - coordinate.floor() - 0.5).abs() < 1e-6
}

impl HostOperator for Resize {
    fn kind(&self) -> &'static str {
        "Resize"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let input = known(inputs, 0)?;
        let Some(dims) = &input.dims else { return Ok(vec![Known::shaped(input.dtype, None)]) };
        let given = |index: usize| inputs.get(index).and_then(Option::as_ref);
        if [2, 3].iter().any(|&index| given(index).is_some_and(|known| known.value.is_none())) {
            return Ok(vec![Known::shaped(input.dtype, Some(vec![Dim::Unknown; dims.len()]))]);
        }
        let scales = given(2).and_then(|known| known.value.as_deref()).and_then(|value| value.floats());
        let wanted = given(3).and_then(Known::integers);
        let sizes: Vec<Option<usize>> = dims.iter().map(Dim::fixed).collect();
        let axes = Self::axes(&sizes, scales, wanted.as_deref())?;
        let dim = |((size, scale), dim): (&(Option<usize>, f32), &Dim)| match size {
            Some(size) => Dim::Fixed(*size),
            None if *scale == 1.0 => dim.clone(),
            None => Dim::Unknown,
        };
        Ok(vec![Known::shaped(input.dtype, Some(axes.iter().zip(dims).map(dim).collect()))])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], outputs: &[Outline]) -> Result<Vec<TensorData>, String> {
        let input = tensor(inputs, 0)?;
        let Some(output) = outputs.first() else { return Ok(Vec::new()) };
        if output.elements() > 0 && input.data().is_empty() {
            return Err("an empty input cannot grow".into());
        }
        let sizes: Vec<Option<usize>> = input.shape().iter().map(|&size| Some(size)).collect();
        let scales = optional(inputs, 2).and_then(|scales| scales.floats());
        let wanted = optional(inputs, 3).and_then(|sizes| sizes.i64s());
        let axes = Self::axes(&sizes, scales, wanted.as_deref())?;
        let steps = strides(input.shape());
        let tables: Vec<Vec<usize>> = axes
            .iter()
            .enumerate()
            .map(|(axis, (_, scale))| {
                let (from, to) = (input.shape()[axis], output.shape[axis]);
                (0..to).map(|index| self.source(index, from, to, *scale) * steps[axis]).collect()
            })
            .collect();
        let from = places(&output.shape, |at| at.iter().zip(&tables).map(|(&at, table)| table[at]).sum::<usize>());
        Ok(vec![input.data().gather(from.into_iter())])
    }

    fn keeps_integers(&self) -> bool {
        true
    }
}
