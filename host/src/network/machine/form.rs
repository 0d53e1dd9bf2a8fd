//! What is known of a layer's products before its data is there: their modes, their output, and which matrices the machine gets.

use super::LayerReport;
use super::residency::Group;
use crate::gemm::{Image, Segment};
use crate::network::packing::{Matrices, Packing};
use crate::network::{ArrayLayer, DType, LayerPrecision, Lowering, Work};
use crumb_arch::precision::{ActBits, PrecisionError, WeightBits};
use crumb_arch::{Counters, Requantize, Rounding, WeightFormat};
use std::borrow::Cow;
use std::ops::Range;

/// A layer at a precision, lowered, without its input's values.
pub(crate) struct Form<'a> {
    /// The layer.
    pub layer: &'a ArrayLayer,
    /// Its shape.
    pub lowering: &'a Lowering<'a>,
    /// Its precision.
    pub precision: LayerPrecision,
    /// Input channels at 8 bits, where the others alone have the precision's width.
    pub important: Option<&'a [usize]>,
    /// Width of its output, if that is integers.
    pub output_bits: u8,
    /// Type of its input.
    pub input: DType,
    /// Whether its weights are another node's result.
    pub computed: bool,
}

impl<'a> Form<'a> {
    /// The form of a layer that is about to be computed.
    pub fn of(work: &Work<'a>, layer: &'a ArrayLayer, lowering: &'a Lowering<'a>) -> Self {
        let Work { precision, important, output_bits, computed, .. } = *work;
        Self { layer, lowering, precision, important, output_bits, input: work.input.dtype(), computed }
    }

    /// A group's matrix: as it is resident, or else as it is streamed. One that was just computed is taken as it is, so that what a
    /// layer costs never depends on its data.
    pub fn group<'g>(
        &self,
        matrices: &Matrices<'_>,
        index: usize,
        resident: Option<&'g [Group]>,
        word_k: usize,
    ) -> Cow<'g, Group> {
        match resident.and_then(|groups| groups.get(index)) {
            Some(group) => Cow::Borrowed(group),
            None if self.computed => Cow::Owned(Group { packing: matrices.whole(), layout: None }),
            None => Cow::Owned(Group { packing: matrices.pack(index, self.important, word_k), layout: None }),
        }
    }

    /// The segments of a packed matrix: important channels first, the slices of the weights in turn.
    pub fn segments(&self, packing: &Packing) -> Result<Vec<Segment>, PrecisionError> {
        let narrow = ActBits::try_from(self.precision.act_bits)?;
        let parts = match self.important {
            None => vec![(0..packing.rows.len(), narrow)],
            Some(_) => vec![(0..packing.important, ActBits::A8), (packing.important..packing.rows.len(), narrow)],
        };
        segments(parts, self.precision, self.input == DType::I8)
    }

    /// How the machine requantizes, if it does.
    pub fn requantize(&self) -> Result<Option<Requantize>, PrecisionError> {
        let Some(output) = self.layer.output_quant().filter(|_| self.layer.read_out().is_none()) else { return Ok(None) };
        let narrowed = output.at_bits(self.output_bits);
        let (lo, hi) = self.layer.output_range(&narrowed);
        Ok(Some(Requantize {
            parameters: 0,
            width: ActBits::try_from(self.output_bits)?,
            exponent_adjust: 8 - self.output_bits as i8,
            zero_point: narrowed.zero_point as i16,
            lo: lo as i16,
            hi: hi as i16,
        }))
    }

    /// Whether the machine gets the left matrix's rows as the lowering has them.
    pub fn is_plain(&self, packing: &Packing) -> bool {
        self.important.is_none() && packing.is_whole(self.lowering.k())
    }

    /// The image that the left matrix's rows are read from, if they are.
    pub fn image(&self, packing: &Packing) -> Option<Image> {
        self.lowering.image().filter(|_| self.is_plain(packing))
    }

    /// What the layer costs, before anything is counted: its work is that of the rows and columns which the machine gets.
    pub fn report<'p>(&self, channels: usize, packings: impl Iterator<Item = &'p Packing>) -> LayerReport {
        let (mut macs, mut important_macs) = (0, 0);
        for packing in packings {
            let each = (self.lowering.rows() * packing.columns.len()) as u64;
            let rows = |rows: &[Option<usize>]| rows.iter().flatten().count() as u64 * each;
            macs += rows(&packing.rows);
            important_macs += rows(packing.rows.get(..packing.important).unwrap_or(&[]));
        }
        LayerReport {
            name: self.layer.name.clone(),
            macs,
            important_macs,
            precision: self.precision,
            important: self.important.map(|important| [important.len(), channels]),
            read_out: self.layer.read_out(),
            counters: Counters::default(),
        }
    }
}

/// The segments of parts of K at their activation widths, the slices of the weights in turn.
pub(crate) fn segments(
    parts: impl IntoIterator<Item = (Range<usize>, ActBits)>,
    precision: LayerPrecision,
    act_signed: bool,
) -> Result<Vec<Segment>, PrecisionError> {
    let formats = formats(precision)?;
    let parts = parts.into_iter().filter(|(k, _)| !k.is_empty());
    let segment = |(k, act), weight| Segment { k, act, act_signed, weight, shift: 0 }.in_8_bit_units();
    Ok(parts.flat_map(|part| formats.iter().map(move |&weight| segment(part.clone(), weight))).collect())
}

/// What the precision switch delivers in turn: the rounded top of the weights, or every slice of them.
fn formats(precision: LayerPrecision) -> Result<Vec<WeightFormat>, PrecisionError> {
    let bits = WeightBits::try_from(precision.weight_bits)?;
    if !precision.refined {
        return Ok(vec![WeightFormat::top(bits, precision.rounding)]);
    }
    let top = WeightFormat::top(bits, Rounding::Floor);
    Ok((0..(8 / bits.bits()) as u8).map(|slice| WeightFormat { slice, ..top }).collect())
}
