//! Quant, IntQuant and BipolarQuant of QONNX: float32 to the integers it stands for, and their values.
//!
//! ```text
//!   y = f32(f32(x / scale) + zero point)
//!   q = round(clamp(y, low, high))              one bit, signed: y >= 0 ? 1 : -1;  BipolarQuant: x >= 0 ? 1 : -1
//!   value = f32(f32(q - zero point) * scale)
//! ```
//!
//! The zero point is added before rounding, unlike QuantizeLinear's. A QONNX node puts out values; here the integers come first,
//! for the array, and [`QonnxValues`] is emitted only where the sign of a zero is seen: QONNX has a negative one, integers have
//! not.
//! Integers of any width 1 to 8 stand in the next of 2, 4 and 8 bits, unchanged.

use super::{HostOperator, Operand, Outline, QonnxRounding, expect_float, floats, known, tensor};
use crate::network::shape::Known;
use crate::network::{DType, Dim, QuantParams, Quantizer, TensorData};

/// How a scaled value becomes an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QonnxRule {
    /// Clamped and rounded.
    Round(QonnxRounding),
    /// 1 or -1 by the sign of the scaled value: Quant of one signed bit.
    SignOfScaled,
    /// 1 or -1 by the sign of the input: BipolarQuant.
    SignOfInput,
}

/// Parameters of a Quant node, as the file has them.
#[derive(Debug, Clone, PartialEq)]
pub struct QonnxQuantizer {
    /// One scale, or one for each slice along `axis`; finite and positive.
    pub scales: Vec<f32>,
    /// As many zero points, whole numbers.
    pub zero_points: Vec<f32>,
    /// The axis that they belong to.
    pub axis: Option<usize>,
    /// Fewest dimensions that the input must have, so that its shape is the output's.
    pub rank: usize,
    /// Width in bits: 1 to 32, of activations and weights 1 to 8.
    pub bits: u8,
    /// Whether the integers are signed.
    pub signed: bool,
    /// Whether the range gives up its lowest (signed) or highest (unsigned) integer.
    pub narrow: bool,
    /// How integers are made.
    pub rule: QonnxRule,
}

impl QonnxQuantizer {
    /// Smallest and largest integer: `min_int` and `max_int` of the `qonnx` package, in float32 as there.
    pub fn range(&self) -> (f32, f32) {
        let narrow = f32::from(u8::from(self.narrow));
        let top = |bits: u8| (1u64 << bits.min(32)) as f32;
        match (self.signed, self.rule) {
            (_, QonnxRule::SignOfInput | QonnxRule::SignOfScaled) => (-1.0, 1.0),
            (true, _) => (narrow - top(self.bits.saturating_sub(1)), top(self.bits.saturating_sub(1)) - 1.0),
            (false, _) => (0.0, top(self.bits) - 1.0 - narrow),
        }
    }

    /// Width that the integers stand in: 2, 4 or 8.
    pub fn container(&self) -> u8 {
        match self.bits {
            0..=2 => 2,
            3..=4 => 4,
            _ => 8,
        }
    }

    /// Meaning of the integers, for widths up to 8.
    pub fn quantizer(&self) -> Quantizer {
        let bits = self.container();
        let step = f32::from(1u16 << (8 - bits));
        Quantizer {
            scales: self.scales.iter().map(|scale| scale / step).collect(),
            zero_points: self.zero_points.iter().map(|&zero| (zero as i32) << (8 - bits)).collect(),
            axis: self.axis,
            dtype: if self.signed { DType::I8 } else { DType::U8 },
            bits,
        }
    }

    /// Whether a value can be the negative zero: where 0 is rounded from below, or HALF_DOWN takes it times -0.
    pub fn has_negative_zero(&self) -> bool {
        let rounds = match self.rule {
            QonnxRule::Round(rounding) => rounding == QonnxRounding::HalfDown || self.range().0 < 0.0,
            QonnxRule::SignOfScaled | QonnxRule::SignOfInput => false,
        };
        rounds && self.zero_points.contains(&0.0)
    }

    /// The integer that `x` becomes, as float32; NaN stays NaN where it is rounded.
    fn rounded(&self, x: f32, scale: f32, zero_point: f32, (low, high): (f32, f32)) -> f32 {
        let y = x / scale + zero_point;
        let sign = |positive: bool| if positive { 1.0 } else { -1.0 };
        match self.rule {
            QonnxRule::SignOfInput => sign(x >= 0.0),
            QonnxRule::SignOfScaled => sign(y >= 0.0),
            QonnxRule::Round(rounding) if y > high => rounding.apply(high),
            QonnxRule::Round(rounding) if y < low => rounding.apply(low),
            QonnxRule::Round(rounding) => rounding.apply(y),
        }
    }

    /// Slice of the parameters for each element of a shape, in order.
    fn slices(&self, shape: &[usize]) -> impl Fn(usize) -> (f32, f32) {
        let (inner, size) = match self.axis {
            None => (1, 1),
            Some(axis) => (shape.iter().skip(axis + 1).product::<usize>().max(1), self.scales.len().max(1)),
        };
        move |index| {
            let slice = index / inner % size;
            let at = |values: &[f32], none: f32| values.get(slice).copied().unwrap_or(none);
            (at(&self.scales, 1.0), at(&self.zero_points, 0.0))
        }
    }

    /// Values of the elements of a tensor of this shape: what the node computes.
    pub fn values(&self, shape: &[usize], data: &[f32]) -> Vec<f32> {
        let (range, slice) = (self.range(), self.slices(shape));
        let value = |(index, &x): (usize, &f32)| {
            let (scale, zero_point) = slice(index);
            (self.rounded(x, scale, zero_point, range) - zero_point) * scale
        };
        data.iter().enumerate().map(value).collect()
    }

    /// Integers of the elements of a tensor of this shape, at a width of the container's bits or fewer.
    ///
    /// At fewer bits the step is `2^dropped` times as large, the zero point and the ends of the range are those of
    /// [`QuantParams::at_bits`], and the rounding is the same.
    ///
    /// # Errors
    /// NaN, which no integer stands for.
    pub fn integers(&self, shape: &[usize], data: &[f32], bits: u8) -> Result<TensorData, String> {
        let quantizer = self.quantizer();
        let narrowed = bits < quantizer.bits;
        let (range, slice) = (self.range(), self.slices(shape));
        let mut integers = Vec::with_capacity(data.len());
        for (index, &x) in data.iter().enumerate() {
            let (mut scale, mut zero_point) = slice(index);
            let mut ends = range;
            if narrowed {
                let params = quantizer.at(shape, index);
                let (native, fewer) = (params.at_bits(quantizer.bits), params.at_bits(bits));
                let end = |end: f32| fewer.quantize(native.dequantize(end as i32)) as f32;
                (scale, zero_point, ends) = (fewer.scale, fewer.zero_point as f32, (end(range.0), end(range.1)));
            }
            let integer = self.rounded(x, scale, zero_point, ends);
            if integer.is_nan() {
                return Err(format!("element {index} is NaN, which no integer stands for; expected numbers"));
            }
            integers.push(integer as i32);
        }
        Ok(TensorData::from_ints(quantizer.dtype, integers.into_iter()).unwrap_or(TensorData::empty(quantizer.dtype)))
    }

    fn check_shape(&self, dims: Option<&[Dim]>) -> Result<(), String> {
        let Some(dims) = dims else { return Ok(()) };
        if dims.len() < self.rank {
            return Err(format!("the scale or zero point has {} dimensions, more than the input's {}", self.rank, dims.len()));
        }
        let scales = self.scales.len();
        match self.axis.map(|axis| dims.get(axis)) {
            Some(Some(Dim::Fixed(size))) if *size != scales => {
                Err(format!("{scales} scales for a dimension of size {size}; there must be as many"))
            }
            Some(None) => Err(format!("{scales} scales along a dimension that does not exist")),
            _ => Ok(()),
        }
    }
}

/// float32 to integers.
#[derive(Debug, Clone, PartialEq)]
pub struct QonnxQuantize(pub QonnxQuantizer);

impl HostOperator for QonnxQuantize {
    fn kind(&self) -> &'static str {
        "Quant"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let input = known(inputs, 0)?;
        expect_float(input)?;
        self.0.check_shape(input.dims.as_deref())?;
        Ok(vec![Known::shaped(self.0.quantizer().dtype, input.dims.clone())])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], outputs: &[Outline]) -> Result<Vec<TensorData>, String> {
        let Some(Outline { shape, bits }) = outputs.first() else { return Ok(Vec::new()) };
        Ok(vec![self.0.integers(shape, floats(inputs, 0)?, *bits)?])
    }
}

/// The values of a Quant node, zeros with their sign. Inputs: the integers, and the float32 tensor that they were made of.
#[derive(Debug, Clone, PartialEq)]
pub struct QonnxValues(pub QonnxQuantizer);

impl HostOperator for QonnxValues {
    fn kind(&self) -> &'static str {
        "Quant"
    }

    fn infer(&self, inputs: &[Option<Known>]) -> Result<Vec<Known>, String> {
        let input = known(inputs, 1)?;
        expect_float(input)?;
        Ok(vec![Known::shaped(DType::F32, input.dims.clone())])
    }

    fn compute(&self, inputs: &[Option<Operand<'_>>], outputs: &[Outline]) -> Result<Vec<TensorData>, String> {
        let Some(Outline { shape, .. }) = outputs.first() else { return Ok(Vec::new()) };
        let quantizer = self.0.quantizer();
        let bits = inputs.first().copied().flatten().map_or(8, |operand| operand.bits);
        if bits >= quantizer.bits {
            return Ok(vec![TensorData::F32(self.0.values(shape, floats(inputs, 1)?))]);
        }
        let integers = tensor(inputs, 0)?.ints().unwrap_or_default();
        let value = |(index, &integer)| QuantParams::at_bits(&quantizer.at(shape, index), bits).dequantize(integer);
        Ok(vec![TensorData::F32(integers.iter().enumerate().map(value).collect())])
    }
}

#[cfg(test)]
#[path = "qonnx_quantize_tests.rs"]
mod tests;
