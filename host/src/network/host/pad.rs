//! Pad: more elements before and behind, along any axes.

use super::{HostOperator, Operand, Outline, known, known_list, list, optional, places, strides, tensor};
use crate::network::shape::{Known, axis};
use crate::network::{Dim, QuantParams, Tensor, TensorData};

/// What stands in the padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PadMode {
    /// Input 2, or zero.
    Constant,
    /// The nearest element.
    Edge,
    /// The elements mirrored at the outermost, which is not repeated.
    Reflect,
    /// The elements of the other end.
    Wrap,
}

/// Inputs 1 to 3: pads (all before, then all behind; negative ones cut), value, axes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pad {
    /// What stands in the padding.
    pub mode: PadMode,
    /// Meaning of integers whose padding is a value: input 2 is that value in float32 then.
    pub quant: Option<QuantParams>,
}

fn per_axis(pads: &[i64], axes: Option<&[i64]>, rank: usize) -> Result<Vec<[i64; 2]>, String> {
    let axes: Vec<usize> = match axes {
        Some(axes) => axes.iter().map(|&at| axis(at, rank)).collect::<Result<_, _>>()?,
        None => (0..rank).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return Err(format!("{} pads for {} axes; expected two for each", pads.len(), axes.len()));
    }
    let mut result = vec![[0, 0]; rank];
    for (index, &at) in axes.iter().enumerate() {
        result[at] = [pads[index], pads[index + axes.len()]];
    }
    Ok(result)
}

impl PadMode {
    /// The input index of padded index `at`, or `None` in constant padding.
    fn source(self, at: i64, size: i64) -> Option<i64> {
        if (0..size).contains(&at) {
            return Some(at);
        }
        match self {
            PadMode::Constant => None,
            PadMode::Edge => Some(at.clamp(0, size - 1)),
            PadMode::Wrap => Some(at.rem_euclid(size)),
            PadMode::Reflect => {
                let period = 2 * (size - 1).max(1);
                let place = at.rem_euclid(period);
                Some(place.min(period - place).min(size - 1))
            }
        }
    }
}

impl Pad {
    /// One element: the padding, in the type of the data.
    fn fill(&self, value: Option<&Tensor>, data: &TensorData, bits: u8) -> Result<TensorData, String> {
        let dtype = data.dtype();
        if let Some(quant) = self.quant {
            let value = value.and_then(Tensor::floats).and_then(|values| values.first()).copied().unwrap_or(0.0);
            let integer = quant.at_bits(bits).quantize(value);
            return Ok(TensorData::from_ints(dtype, [integer].into_iter()).unwrap_or(TensorData::empty(dtype)));
        }
        match value {
            Some(value) if value.dtype() != dtype => Err(format!("a value of {} for data of {dtype}", value.dtype())),
            Some(value) if value.data().len() == 1 => Ok(value.data().clone()),
            Some(value) => Err(format!("a value of {} elements, expected one", value.data().len())),
            None => Ok(TensorData::from_ints(dtype, [0].into_iter()).unwrap_or(TensorData::F32(vec![0.0]))),
        }
    }
}

impl HostOperator for Pad {
    fn kind(&self) -> &'static str {
        "Pad"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let input = known(inputs, 0)?;
        let Some(dims) = &input.dims else { return Ok(vec![Known::shaped(input.dtype, None)]) };
        let ((pads, _), (axes, sure)) = (known_list(inputs, 1)?, known_list(inputs, 3)?);
        let (Some(pads), true) = (pads, sure) else {
            return Ok(vec![Known::shaped(input.dtype, Some(vec![Dim::Unknown; dims.len()]))]);
        };
        let pads = per_axis(&pads, axes.as_deref(), dims.len())?;
        let dim = |(dim, [before, behind]): (&Dim, &[i64; 2])| match dim {
            Dim::Fixed(size) => {
                let padded = i128::from(*before) + i128::from(*behind) + *size as i128;
                if self.mode != PadMode::Constant && *size == 0 && padded > 0 {
                    return Err("an empty axis has nothing to repeat".to_string());
                }
                usize::try_from(padded)
                    .map(Dim::Fixed)
                    .map_err(|_| format!("pads {before} and {behind} of an axis of size {size}"))
            }
            dim if [before, behind] == [&0, &0] => Ok(dim.clone()),
            _ => Ok(Dim::Unknown),
        };
        let dims: Result<Vec<Dim>, String> = dims.iter().zip(&pads).map(dim).collect();
        Ok(vec![Known::shaped(input.dtype, Some(dims?))])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], outputs: &[Outline]) -> Result<Vec<TensorData>, String> {
        let input = tensor(inputs, 0)?;
        let Some(output) = outputs.first() else { return Ok(Vec::new()) };
        let pads = list(inputs, 1)?.ok_or("pads are missing; export the model again")?;
        let pads = per_axis(&pads, list(inputs, 3)?.as_deref(), input.shape().len())?;
        let steps = strides(input.shape());
        let outside = input.data().len();
        let from = places(&output.shape, |at| {
            let mut place = 0;
            for (axis, &coordinate) in at.iter().enumerate() {
                match self.mode.source(coordinate as i64 - pads[axis][0], input.shape()[axis] as i64) {
                    Some(source) => place += source as usize * steps[axis],
                    None => return outside,
                }
            }
            place
        });
        let mut data = input.data().clone();
        data.extend(&self.fill(optional(inputs, 2), input.data(), output.bits)?);
        Ok(vec![data.gather(from.into_iter())])
    }

    fn keeps_integers(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources() {
        let row = |mode: PadMode| (-3..7).map(|at| mode.source(at, 4).map_or(-1, |at| at)).collect::<Vec<_>>();
        assert_eq!(row(PadMode::Constant), [-1, -1, -1, 0, 1, 2, 3, -1, -1, -1]);
        assert_eq!(row(PadMode::Edge), [0, 0, 0, 0, 1, 2, 3, 3, 3, 3]);
        assert_eq!(row(PadMode::Reflect), [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]);
        assert_eq!(row(PadMode::Wrap), [1, 2, 3, 0, 1, 2, 3, 0, 1, 2]);
        assert_eq!(PadMode::Reflect.source(-1, 1), Some(0));
    }
}
