//! Pools over one or two spatial dimensions: MaxPool, AveragePool and their global forms.

use super::{HostOperator, Operand, Outline, expect_float, floats, known, tensor};
use crate::network::float::pool;
use crate::network::float::pool_mlas;
use crate::network::shape::Known;
use crate::network::{DType, Dim, TensorData, Window};

/// Planes of `[batch, channels, (height,) width]`, a window that moves over each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planes {
    /// How it moves; `None` for a window that is the whole plane.
    pub window: Option<Window>,
    /// Spatial dimensions: 2, or 1.
    pub spatial: usize,
}

impl Planes {
    /// Height and width of an input's planes.
    pub(super) fn size(&self, shape: &[usize]) -> Result<[usize; 2], String> {
        match (self.window.is_some(), self.spatial, shape) {
            (true, 1, &[_, _, width]) => Ok([1, width]),
            (true, 2, &[_, _, height, width]) => Ok([height, width]),
            // A global pool takes any number of dimensions as one.
            (false, _, [_, _, rest @ ..]) if !rest.is_empty() => Ok([1, rest.iter().product()]),
            _ => Err(format!("{} dimensions; expected batch, channels and {} more", shape.len(), self.spatial)),
        }
    }

    pub(super) fn infer(&self, dims: &[Dim]) -> Result<Vec<Dim>, String> {
        let sizes: Option<Vec<usize>> = dims.iter().skip(2).map(Dim::fixed).collect();
        let mut output = dims.to_vec();
        let Some(window) = &self.window else {
            if dims.len() < 3 {
                return Err(format!("{} dimensions; expected batch, channels and one or more", dims.len()));
            }
            output[2..].fill(Dim::Fixed(1));
            return Ok(output);
        };
        if dims.len() != 2 + self.spatial {
            return Err(format!("{} dimensions; expected batch, channels and {} more", dims.len(), self.spatial));
        }
        let size = match sizes.as_deref() {
            Some(&[width]) => Some([1, width]),
            Some(&[height, width]) => Some([height, width]),
            _ => None,
        };
        match size {
            Some(size) => {
                let size = window.output_size(size)?.map(Dim::Fixed);
                output[2..].clone_from_slice(&size[2 - self.spatial..]);
            }
            None => output[2..].fill(Dim::Unknown),
        }
        Ok(output)
    }

    /// The window as the kernels take it: with explicit padding.
    pub(super) fn explicit(&self, size: [usize; 2]) -> Result<(pool::Window, [usize; 2]), String> {
        let Some(window) = self.window else {
            let one = [1, 1];
            let whole = pool::Window { kernel: size, strides: one, dilations: one, before: [0, 0], after: [0, 0] };
            return Ok((whole, one));
        };
        let output = window.output_size(size)?;
        let [top, left, bottom, right] = window.pads(size).ok_or("sizes overflow")?;
        let Window { kernel, strides, dilations, .. } = window;
        Ok((pool::Window { kernel, strides, dilations, before: [top, left], after: [bottom, right] }, output))
    }
}

/// The largest element; of floats or of integers, whose padding is less than any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPool(pub Planes);

impl HostOperator for MaxPool {
    fn kind(&self) -> &'static str {
        if self.0.window.is_some() { "MaxPool" } else { "GlobalMaxPool" }
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let input = known(inputs, 0)?;
        if !matches!(input.dtype, DType::F32 | DType::I8 | DType::U8) {
            return Err(format!("an input of {}, expected float32, int8 or uint8", input.dtype));
        }
        let dims = input.dims.as_deref().map(|dims| self.0.infer(dims)).transpose()?;
        Ok(vec![Known::shaped(input.dtype, dims)])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], outputs: &[Outline]) -> Result<Vec<TensorData>, String> {
        let input = tensor(inputs, 0)?;
        let Some(outline) = outputs.first() else { return Ok(Vec::new()) };
        let size = self.0.size(input.shape())?;
        let (window, output) = self.0.explicit(size)?;
        // Integers below 2^24 are exact in float32, and their maximum is one of them.
        let integers = input.ints().map(|values| values.iter().map(|&value| value as f32).collect::<Vec<_>>());
        let values = match (input.floats(), &integers) {
            (Some(values), _) => values,
            (None, Some(values)) => values,
            (None, None) => return Err(format!("an input of {}", input.dtype())),
        };
        let mut result = vec![0.0; outline.elements()];
        let (plane, windows) = (size[0] * size[1], output[0] * output[1]);
        for (values, result) in values.chunks_exact(plane.max(1)).zip(result.chunks_exact_mut(windows.max(1))) {
            pool::max_pool(values, size, &window, output, result);
        }
        if input.floats().is_some() {
            return Ok(vec![TensorData::F32(result)]);
        }
        let lowest = input.dtype().range(outline.bits).0;
        let integers = result.into_iter().map(|value| if value == f32::MIN { lowest } else { value as i32 });
        Ok(vec![TensorData::from_ints(input.dtype(), integers).unwrap_or(TensorData::empty(input.dtype()))])
    }

    fn keeps_integers(&self) -> bool {
        true
    }
}

/// The mean of the elements of a window, in float32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AveragePool {
    /// The windows.
    pub planes: Planes,
    /// Whether padding counts as elements of value 0.
    pub count_include_pad: bool,
    /// Whether the sums run in the order of onnxruntime's kernel of opset 19 and later.
    pub opset_19: bool,
}

impl HostOperator for AveragePool {
    fn kind(&self) -> &'static str {
        if self.planes.window.is_some() { "AveragePool" } else { "GlobalAveragePool" }
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let input = known(inputs, 0)?;
        expect_float(input)?;
        let dims = input.dims.as_deref().map(|dims| self.planes.infer(dims)).transpose()?;
        Ok(vec![Known::shaped(DType::F32, dims)])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], outputs: &[Outline]) -> Result<Vec<TensorData>, String> {
        let values = floats(inputs, 0)?;
        let Some(outline) = outputs.first() else { return Ok(Vec::new()) };
        let size = self.planes.size(tensor(inputs, 0)?.shape())?;
        let (window, output) = self.planes.explicit(size)?;
        let ceil = self.planes.window.is_some_and(|window| window.ceil);
        let mut result = vec![0.0; outline.elements()];
        let (plane, windows) = (size[0] * size[1], output[0] * output[1]);
        for (values, result) in values.chunks_exact(plane.max(1)).zip(result.chunks_exact_mut(windows.max(1))) {
            if self.planes.window.is_none() {
                result[0] = pool::global_average_pool(values);
            } else if self.opset_19 || (ceil && self.count_include_pad) {
                pool::average_pool(values, size, &window, output, self.count_include_pad, result);
            } else {
                pool_mlas::average_pool(values, size, &window, output, self.count_include_pad, result);
            }
        }
        Ok(vec![TensorData::F32(result)])
    }
}
