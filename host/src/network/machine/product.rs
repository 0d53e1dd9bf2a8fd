//! One layer as products on the machine: its segments, its activations row by row, and what the columns that are left out give.

use super::MachineRunError;
use super::form::Form;
use super::residency::Group;
use super::zero_points::folded_bias;
use crate::gemm::{self, ActivationRows, Image, Job, Output, Segment, Weights};
use crate::network::packing::{Matrices, Packing};
use crate::network::{Arithmetic, ArrayLayer, Contract, Lowering, Narrowed, NetworkError, QuantParams, Work};
use crate::session::Session;
use crumb_arch::Requantize;
use crumb_arch::requantizer::ChannelScale;
use std::cell::RefCell;
use std::ops::Range;

/// A layer's activations: at one width, or narrowed as they are read but for important channels.
pub(super) struct Activations<'a> {
    quant: QuantParams,
    narrowed: Narrowed,
    important: Option<&'a [usize]>,
}

impl<'a> Activations<'a> {
    pub fn of(layer: &ArrayLayer, work: &Work<'a>) -> Self {
        let narrowed = layer.input.at_bits(work.precision.act_bits);
        Self { quant: layer.input, narrowed, important: work.important }
    }

    /// The integer of the input that means zero.
    pub fn padding(&self) -> i16 {
        (if self.important.is_some() { self.quant.zero_point } else { self.narrowed.zero_point }) as i16
    }

    /// What the machine gets of an input's integer.
    fn delivered(&self, channel: usize, value: i16) -> i16 {
        match self.important {
            Some(important) if important.binary_search(&channel).is_err() => {
                let Narrowed { bits, zero_point, low, high, .. } = self.narrowed;
                let value = i32::from(value) - self.quant.zero_point;
                Contract.requantize(value, 1.0, i32::from(8 - bits), zero_point, low, high) as i16
            }
            _ => value,
        }
    }

    /// The value less its zero point, in 8-bit units.
    pub fn centred(&self, channel: usize, value: i16) -> i64 {
        match self.important {
            Some(important) if important.binary_search(&channel).is_ok() => i64::from(value) - i64::from(self.quant.zero_point),
            _ => {
                let value = i64::from(self.delivered(channel, value)) - i64::from(self.narrowed.zero_point);
                value << (8 - self.narrowed.bits)
            }
        }
    }
}

/// A lowered layer's input as the left matrix of one group's product, in the order of its packing.
struct Rows<'a> {
    lowering: &'a Lowering<'a>,
    activations: &'a Activations<'a>,
    group: usize,
    input: &'a crate::network::Tensor,
    packing: &'a Packing,
    /// The image that they are read from, if they are.
    image: Option<Image>,
    /// Whether the packing is the lowering's own order and nothing is narrowed.
    plain: bool,
    buffer: RefCell<Vec<i16>>,
}

impl ActivationRows for Rows<'_> {
    fn image(&self) -> Option<Image> {
        self.image
    }

    fn fill_band(&self, image: usize, first: usize, channels: Range<usize>, band: &mut [i16]) -> Result<(), String> {
        let padding = self.activations.padding();
        self.lowering
            .fill_band((self.group, image), self.input, padding, (first, channels), band)
            .map_err(|error| error.to_string())
    }

    fn fill(&self, first: usize, rows: &mut [i16]) -> Result<(), String> {
        let padding = self.activations.padding();
        let fill = |first, rows: &mut [i16]| self.lowering.fill_rows(self.group, self.input, padding, first, rows);
        if self.plain {
            return fill(first, rows).map(drop).map_err(|error| error.to_string());
        }
        let mut row = self.buffer.borrow_mut();
        row.resize(self.lowering.k(), 0);
        let channels = self.lowering.channels();
        for (offset, packed) in rows.chunks_exact_mut(self.packing.rows.len()).enumerate() {
            fill(first + offset, &mut row).map_err(|error| error.to_string())?;
            for (value, source) in packed.iter_mut().zip(&self.packing.rows) {
                *value = source.map_or(0, |k| self.activations.delivered(k % channels, row[k]));
            }
        }
        Ok(())
    }
}

/// A layer about to be computed.
pub(super) struct Product<'a> {
    work: &'a Work<'a>,
    form: &'a Form<'a>,
    layer: &'a ArrayLayer,
    lowering: &'a Lowering<'a>,
    activations: Activations<'a>,
    /// Biases with input zero points folded in, by output channel, filled in as groups run.
    biases: RefCell<Vec<i32>>,
}

impl<'a> Product<'a> {
    pub fn new(work: &'a Work<'a>, form: &'a Form<'a>) -> Self {
        let Form { layer, lowering, .. } = *form;
        let activations = Activations::of(layer, work);
        let biases = RefCell::new(vec![0; layer.out_channels]);
        Self { work, form, layer, lowering, activations, biases }
    }

    /// A result of zeros.
    pub fn empty(&self) -> Vec<i32> {
        vec![0; self.lowering.rows() * self.layer.out_channels]
    }

    /// The zero point of the activations of each segment: important channels come first, at 8 bits.
    fn zero_points(&self, segments: &[Segment], packing: &Packing) -> Vec<i32> {
        let important = |segment: &Segment| self.form.important.is_some() && segment.k.end <= packing.important;
        let Activations { quant, narrowed, .. } = &self.activations;
        segments.iter().map(|s| if important(s) { quant.zero_point } else { narrowed.zero_point }).collect()
    }

    /// Computes a group: the packed matrix on the machine, columns that are left out from their biases.
    pub fn run(
        &self,
        session: &mut Session,
        free_weights: usize,
        matrices: &Matrices<'_>,
        (group, Group { packing, layout }): (usize, &Group),
        values: &mut [i32],
    ) -> Result<(), MachineRunError> {
        let segments = self.form.segments(packing)?;
        let zeros = self.zero_points(&segments, packing);
        let first = group * matrices.n();
        let bits = self.work.precision.effective_weight_bits();
        for column in 0..matrices.n() {
            let weights = (matrices, packing, group, column);
            let bias = folded_bias(self.layer, first + column, weights, &segments, &zeros, bits)?;
            self.biases.borrow_mut()[first + column] = bias;
        }
        let format = self.form.requantize()?;
        let empty = packing.rows.is_empty() || packing.columns.is_empty();
        if let Some(format) = format {
            for column in (0..matrices.n()).filter(|column| empty || packing.columns.binary_search(column).is_err()) {
                let value = self.of_bias(first + column, &format);
                for row in 0..self.lowering.rows() {
                    values[self.lowering.output_index(group, row, column)] = value;
                }
            }
        }
        if empty {
            return Ok(());
        }
        let channels: Vec<ChannelScale> = match format {
            Some(_) => packing.columns.iter().map(|&column| self.channel_scale(first + column)).collect::<Result<_, _>>()?,
            None => Vec::new(),
        };
        let output = match format {
            Some(format) => Output::Requantized { channels: &channels, format },
            None => Output::Raw,
        };
        let streamed = if layout.is_some() { Vec::new() } else { matrices.packed(group, packing) };
        let weights = (*layout).map_or(Weights::Streamed(&streamed), Weights::Resident);
        let rows = Rows {
            lowering: self.lowering,
            activations: &self.activations,
            group,
            input: self.work.input,
            packing,
            image: self.form.image(packing),
            plain: self.form.is_plain(packing),
            buffer: RefCell::default(),
        };
        let (m, k, n) = (self.lowering.rows(), packing.rows.len(), packing.columns.len());
        let job = Job { m, k, n, rows: &rows, segments: &segments, weights, output };
        let result = gemm::run(session, &job, free_weights)
            .map_err(|source| MachineRunError::Layer { layer: self.layer.name.clone(), source: Box::new(source) })?;
        for (i, value) in result.into_iter().enumerate() {
            values[self.lowering.output_index(group, i / n, packing.columns[i % n])] = value;
        }
        Ok(())
    }

    /// The output of a channel whose weights are all zero.
    fn of_bias(&self, channel: usize, format: &Requantize) -> i32 {
        let (bias, multiplier) = (self.biases.borrow()[channel], self.layer.multiplier(channel).unwrap_or(0.0));
        let (zero_point, lo, hi) = (format.zero_point.into(), format.lo.into(), format.hi.into());
        Contract.requantize(bias, multiplier, format.exponent_adjust.into(), zero_point, lo, hi)
    }

    fn channel_scale(&self, channel: usize) -> Result<ChannelScale, MachineRunError> {
        let bias = self.biases.borrow()[channel];
        ChannelScale::from_f32(bias, self.layer.multiplier(channel).unwrap_or(0.0)).map_err(|source| MachineRunError::Scale {
            layer: self.layer.name.clone(),
            channel,
            source,
        })
    }

    /// Adds the biases to sums that were read out.
    pub fn add_biases(&self, values: &mut [i32], channel_of: impl Fn(usize) -> usize) -> Result<(), NetworkError> {
        let biases = self.biases.borrow();
        for (index, value) in values.iter_mut().enumerate() {
            let channel = channel_of(index);
            let sum = i64::from(*value) + i64::from(biases[channel]);
            *value = i32::try_from(sum).map_err(|_| NetworkError::Overflow {
                layer: self.layer.name.clone(),
                channel,
                value: sum,
                weight_bits: self.work.precision.effective_weight_bits(),
                act_bits: self.work.precision.act_bits,
            })?;
        }
        Ok(())
    }
}
