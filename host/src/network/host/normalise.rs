//! Softmax, LayerNormalization and BatchNormalization (inference), in float32.

use super::{HostOperator, Operand, Outline, expect_float, floats, known, optional, tensor};
use crate::network::float::batch_norm::BatchNorm;
use crate::network::float::{layer_norm, softmax};
use crate::network::shape::{Known, axis};
use crate::network::{DType, TensorData};

/// `e^x / sum of e^x` along one axis, or over all dimensions from it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Softmax {
    /// ONNX's axis.
    pub axis: i64,
    /// Whether the dimensions from the axis on are one row, as before opset 13.
    pub flattened: bool,
    /// Whether it is LogSoftmax: the logarithm of the result.
    pub logarithm: bool,
}

/// Each row brought to mean 0 and variance 1, times input 1, plus input 2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerNormalization {
    /// First dimension of a row.
    pub axis: i64,
    /// Added to the variance.
    pub epsilon: f32,
}

/// Each row over the root of the mean of its squares, times input 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RmsNormalization {
    /// First dimension of a row.
    pub axis: i64,
    /// Added to the mean of the squares.
    pub epsilon: f32,
}

/// `(x - mean) / sqrt(variance + epsilon) * scale + bias` for each channel; inputs 1 to 4 are scale, bias, mean and variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormalization {
    /// Added to the variance.
    pub epsilon: f32,
}

/// A float output of the first input's shape.
fn like_input(inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
    let input = known(inputs, 0)?;
    expect_float(input)?;
    Ok(vec![Known::shaped(DType::F32, input.dims.clone())])
}

impl HostOperator for Softmax {
    fn kind(&self) -> &'static str {
        if self.logarithm { "LogSoftmax" } else { "Softmax" }
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        if let Some(dims) = &known(inputs, 0)?.dims {
            axis(self.axis, dims.len())?;
        }
        like_input(inputs)
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], _: &[Outline]) -> Result<Vec<TensorData>, String> {
        let values = floats(inputs, 0)?;
        let shape = tensor(inputs, 0)?.shape();
        let at = axis(self.axis, shape.len())?;
        let inner: usize = if self.flattened { 1 } else { shape[at + 1..].iter().product() };
        let length = if self.flattened { shape[at..].iter().product() } else { shape[at] };
        let mut result = vec![0.0; values.len()];
        let (mut row, mut out) = (vec![0.0; length], vec![0.0; length]);
        if length == 0 {
            return Ok(vec![TensorData::F32(result)]);
        }
        for index in 0..values.len() / length {
            let first = index / inner * inner * length + index % inner;
            for (i, x) in row.iter_mut().enumerate() {
                *x = values[first + i * inner];
            }
            let function = if self.logarithm { softmax::log_softmax } else { softmax::softmax };
            function(&row, &mut out);
            for (i, &y) in out.iter().enumerate() {
                result[first + i * inner] = y;
            }
        }
        Ok(vec![TensorData::F32(result)])
    }
}

/// Checks that a scale has an element for each of a row.
fn check_rows(inputs: &[Option<Known>], first: i64) -> Result<(), String> {
    let (input, scale) = (known(inputs, 0)?, known(inputs, 1)?);
    let (Some(dims), Some(scale)) = (&input.dims, scale.sizes()) else { return Ok(()) };
    let at = axis(first, dims.len())?;
    let row = dims[at..].iter().map(crate::network::Dim::fixed).try_fold(1usize, |row, size| row.checked_mul(size?));
    let elements = scale.iter().try_fold(1usize, |elements, &size| elements.checked_mul(size));
    match (row, elements) {
        (Some(row), Some(elements)) if row != elements => Err(format!("a scale of {elements} elements for rows of {row}")),
        _ => Ok(()),
    }
}

/// Length of a row, and the scale and bias for it.
type Row<'a> = (usize, &'a [f32], Option<&'a [f32]>);

fn row<'a>(inputs: &[Option<Operand<'a>>], first: i64) -> Result<Row<'a>, String> {
    let scale = floats(inputs, 1)?;
    let bias = match optional(inputs, 2) {
        None => None,
        Some(_) => Some(floats(inputs, 2)?),
    };
    let shape = tensor(inputs, 0)?.shape();
    let row: usize = shape[axis(first, shape.len())?..].iter().product();
    if scale.len() != row || bias.is_some_and(|bias| bias.len() != row) {
        return Err(format!("{} scales for rows of {row}; expected as many, and as many biases", scale.len()));
    }
    Ok((row, scale, bias))
}

impl HostOperator for LayerNormalization {
    fn kind(&self) -> &'static str {
        "LayerNormalization"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        check_rows(inputs, self.axis)?;
        like_input(inputs)
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], _: &[Outline]) -> Result<Vec<TensorData>, String> {
        let values = floats(inputs, 0)?;
        let (row, scale, bias) = row(inputs, self.axis)?;
        let mut result = vec![0.0; values.len()];
        for (values, result) in values.chunks_exact(row.max(1)).zip(result.chunks_exact_mut(row.max(1))) {
            layer_norm::layer_norm(values, scale, bias, self.epsilon, result);
        }
        Ok(vec![TensorData::F32(result)])
    }
}

impl HostOperator for RmsNormalization {
    fn kind(&self) -> &'static str {
        "RMSNormalization"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        check_rows(inputs, self.axis)?;
        like_input(inputs)
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], _: &[Outline]) -> Result<Vec<TensorData>, String> {
        let values = floats(inputs, 0)?;
        let (row, scale, _) = row(inputs, self.axis)?;
        let mut result = vec![0.0; values.len()];
        for (values, result) in values.chunks_exact(row.max(1)).zip(result.chunks_exact_mut(row.max(1))) {
            layer_norm::rms_norm(values, scale, self.epsilon, result);
        }
        Ok(vec![TensorData::F32(result)])
    }
}

impl HostOperator for BatchNormalization {
    fn kind(&self) -> &'static str {
        "BatchNormalization"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        (1..5).try_for_each(|index| expect_float(known(inputs, index)?))?;
        like_input(inputs)
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], _: &[Outline]) -> Result<Vec<TensorData>, String> {
        let values = floats(inputs, 0)?;
        let shape = tensor(inputs, 0)?.shape();
        let &[_, channels, ref plane @ ..] = shape else {
            return Err(format!("{} dimensions; expected batch, channels and more", shape.len()));
        };
        let parameters = [floats(inputs, 1)?, floats(inputs, 2)?, floats(inputs, 3)?, floats(inputs, 4)?];
        if parameters.iter().any(|parameter| parameter.len() != channels) {
            return Err(format!("parameters for another number of channels than {channels}"));
        }
        let [scale, bias, mean, variance] = parameters;
        let norms: Vec<BatchNorm> =
            (0..channels).map(|c| BatchNorm::new(scale[c], bias[c], mean[c], variance[c], self.epsilon)).collect();
        let plane: usize = plane.iter().product();
        let value = |(index, &x): (usize, &f32)| norms[index / plane % channels].apply(x);
        Ok(vec![TensorData::F32(values.iter().enumerate().map(value).collect())])
    }
}
