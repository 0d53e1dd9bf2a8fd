//! What the host computes: everything between the array's layers, in onnxruntime's arithmetic, one family a file.
//!
//! An operator says what it makes of shapes ([`HostOperator::infer`]) and of data ([`HostOperator::compute`]); parameters that ONNX
//! passes as inputs (axes, shapes, bounds) are inputs here too, constant or computed. Integer tensors may run at fewer bits than
//! their quantizer has: then an operand's integers are those of [`super::QuantParams::at_bits`], and so must the outputs' be.

mod binary;
mod cast;
mod concat;
mod dynamic_quantize;
mod float_matmul;
mod gather;
mod integer_relu;
mod layout;
mod normalise;
mod pad;
mod pool;
mod qlinear;
mod qonnx_quantize;
mod qonnx_rounding;
mod qonnx_trunc;
mod quantize;
mod reduce;
mod resize;
mod slice;
mod split;
mod transpose;
mod unary;

pub use binary::{Binary, BinaryKind};
pub use cast::{Cast, ConstantOfShape, Shape};
pub use concat::Concat;
pub use dynamic_quantize::DynamicQuantize;
pub use float_matmul::{FloatGemm, FloatMatMul};
pub use gather::Gather;
pub use integer_relu::IntegerRelu;
pub use layout::{Flatten, Reshape, Squeeze, Unsqueeze};
pub use normalise::{BatchNormalization, LayerNormalization, RmsNormalization, Softmax};
pub use pad::{Pad, PadMode};
pub use pool::{AveragePool, MaxPool, Planes};
pub use qlinear::{QLinear, QLinearKind};
pub use qonnx_quantize::{QonnxQuantize, QonnxQuantizer, QonnxRule, QonnxValues};
pub use qonnx_rounding::QonnxRounding;
pub use qonnx_trunc::{QonnxTrunc, TruncOutput};
pub use quantize::{Dequantize, Quantize};
pub use reduce::Reduce;
pub use resize::{Coordinates, Nearest, Resize};
pub use slice::Slice;
pub use split::Split;
pub use transpose::{Expand, Transpose};
pub use unary::{Unary, UnaryKind};

use super::shape::Known;
use super::{DType, Tensor, TensorData};

/// An input and the width of its integers.
#[derive(Debug, Clone, Copy)]
pub struct Operand<'a> {
    /// The tensor.
    pub tensor: &'a Tensor,
    /// Width of its integers, if it has a quantizer.
    pub bits: u8,
}

impl<'a> Operand<'a> {
    /// A tensor at its full width.
    pub fn whole(tensor: &'a Tensor) -> Self {
        Self { tensor, bits: 8 }
    }
}

/// What an output looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// Its shape, as [`HostOperator::infer`] gave it.
    pub shape: Vec<usize>,
    /// Width of its integers, if it has a quantizer.
    pub bits: u8,
}

impl Outline {
    /// Number of elements; shapes were checked when they were inferred.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// An operation of the host.
pub trait HostOperator: std::fmt::Debug + Send + Sync {
    /// ONNX's name of the operation.
    fn kind(&self) -> &'static str;

    /// Types and shapes of the outputs.
    ///
    /// # Errors
    /// A sentence: what is wrong with the inputs, and what would be right.
    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String>;

    /// The outputs, each with as many elements as its outline says.
    ///
    /// # Errors
    /// A sentence: what is wrong with the inputs' values, and what would be right.
    fn compute(&self, inputs: &[Option<Operand<'_>>], outputs: &[Outline]) -> Result<Vec<TensorData>, String>;

    /// Multiply-accumulates of a product of floats, for inputs and a first output of these shapes; 0 for everything else.
    fn macs(&self, inputs: &[&[usize]], output: &[usize]) -> u64 {
        let _ = (inputs, output);
        0
    }

    /// Whether the outputs hold integers of the inputs, so that both have one quantizer and one width.
    fn keeps_integers(&self) -> bool {
        false
    }
}

/// What is known of a required input.
fn known(inputs: &[Option<Known>], index: usize) -> Result<&Known, String> {
    inputs.get(index).and_then(Option::as_ref).ok_or_else(|| format!("input {index} is missing; export the model again"))
}

/// The tensor of a required input.
fn tensor<'a>(inputs: &[Option<Operand<'a>>], index: usize) -> Result<&'a Tensor, String> {
    optional(inputs, index).ok_or_else(|| format!("input {index} is missing; export the model again"))
}

/// The tensor of an input that may be missing.
fn optional<'a>(inputs: &[Option<Operand<'a>>], index: usize) -> Option<&'a Tensor> {
    inputs.get(index).copied().flatten().map(|operand| operand.tensor)
}

/// float32 elements of a required input.
fn floats<'a>(inputs: &[Option<Operand<'a>>], index: usize) -> Result<&'a [f32], String> {
    let tensor = tensor(inputs, index)?;
    tensor.floats().ok_or_else(|| format!("input {index} is {}, expected float32", tensor.dtype()))
}

/// Refuses another type than float32.
fn expect_float(known: &Known) -> Result<(), String> {
    if known.dtype == DType::F32 {
        Ok(())
    } else {
        Err(format!("an input of {}, expected float32; insert a DequantizeLinear or a Cast before it", known.dtype))
    }
}

/// Integers of an input that is a list of sizes or axes: `None` if it is missing.
fn list(inputs: &[Option<Operand<'_>>], index: usize) -> Result<Option<Vec<i64>>, String> {
    let Some(tensor) = optional(inputs, index) else { return Ok(None) };
    let values = tensor.i64s().ok_or_else(|| format!("input {index} is {}, expected int64", tensor.dtype()))?;
    Ok(Some(values))
}

/// The same before data is there: `Ok(None)` if it is missing or, with `false`, not known yet.
fn known_list(inputs: &[Option<Known>], index: usize) -> Result<(Option<Vec<i64>>, bool), String> {
    match inputs.get(index).and_then(Option::as_ref) {
        None => Ok((None, true)),
        Some(Known { value: None, .. }) => Ok((None, false)),
        Some(known) => match known.integers() {
            Some(values) => Ok((Some(values), true)),
            None => Err(format!("input {index} is {}, expected int64", known.dtype)),
        },
    }
}

/// Distance in the row-major data between neighbours along each axis.
fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Coordinates of every element of a shape in row-major order, given to `place`, whose results are collected.
fn places<T>(shape: &[usize], mut place: impl FnMut(&[usize]) -> T) -> Vec<T> {
    let count: usize = shape.iter().product();
    let mut at = vec![0; shape.len()];
    let mut result = Vec::with_capacity(count);
    for _ in 0..count {
        result.push(place(&at));
        for axis in (0..shape.len()).rev() {
            at[axis] += 1;
            if at[axis] < shape[axis] {
                break;
            }
            at[axis] = 0;
        }
    }
    result
}
