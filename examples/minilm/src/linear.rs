//! Linear layers on the array: int8 activations per token, switched int8 weights, int32 sums read out raw and scaled on the host.
//!
//! ```text
//! y[m, n] = sums[m, n] * (activation_scale[m] * weight_scale[n] * 2^(8 - W)) + bias[n]
//! ```
//! All weights are uploaded once if the machine's memory holds them; if not, each product streams its own.

use crate::encoder::Linears;
use crate::error::Failure;
use crate::model::{LAYERS, Model, Part};
use crate::plain;
use crate::quantize::{Stored, StoredWeights, quantize_rows, switched};
use crumb::gemm::{self, Job, Matrix, Output, Segment, WeightLayout, WeightStore, Weights};
use crumb::session::Session;
use crumb_arch::WeightBits;
use crumb_arch::precision::ActBits;
use indicatif::ProgressBar;
use std::fmt;

/// Weight widths of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Precision {
    /// Of the four linear layers of each attention.
    pub attention: WeightBits,
    /// Of the two of each FFN.
    pub ffn: WeightBits,
}

impl Precision {
    /// Width of a part.
    pub const fn of(self, part: Part) -> WeightBits {
        if part.is_attention() { self.attention } else { self.ffn }
    }

    /// Bit operations of all linear layers for one token.
    pub fn bops_per_token(self) -> u64 {
        let of = |part: Part| (part.shape().0 * part.shape().1) as u64 * bit_operations(self.of(part));
        LAYERS as u64 * Part::ALL.into_iter().map(of).sum::<u64>()
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { attention, ffn } = self;
        if attention == ffn { write!(f, "W{ffn}") } else { write!(f, "attention W{attention}, FFN W{ffn}") }
    }
}

/// Bit operations of one MAC: activation bits times weight bits.
const fn bit_operations(bits: WeightBits) -> u64 {
    (ActBits::A8.bits() * bits.bits()) as u64
}

/// The model's weights in int8, and where they lie in the machine.
pub struct MachineWeights {
    /// One for each linear layer, in the order in which they run.
    stored: Vec<StoredWeights>,
    /// Where each lies, if all of them fit.
    resident: Option<Vec<WeightLayout>>,
}

impl MachineWeights {
    /// Quantizes the first `layers` layers, and uploads them if all of them fit the weight memory.
    ///
    /// # Errors
    /// If the machine fails.
    pub fn new(model: &Model, layers: usize, stored: Stored, session: &mut Session) -> Result<Self, Failure> {
        let linears = || model.linears().take(layers * Part::ALL.len());
        let weights: Vec<StoredWeights> = linears().map(|linear| StoredWeights::new(linear, stored)).collect();
        let mut store = WeightStore::default();
        let layouts: Result<Vec<_>, _> = linears().map(|l| store.reserve(l.k, l.n, session.config())).collect();
        let resident = layouts.ok();
        for ((layout, weights), linear) in resident.iter().flatten().zip(&weights).zip(linears()) {
            let upload = gemm::upload(session, *layout, &weights.weights);
            upload.map_err(|source| Failure::Product { layer: linear.name.clone(), source })?;
        }
        Ok(Self { stored: weights, resident })
    }

    /// Whether products find their weights in the machine.
    pub fn is_resident(&self) -> bool {
        self.resident.is_some()
    }
}

/// A machine that computes linear layers at one precision.
pub struct MachineLinears<'a> {
    model: &'a Model,
    weights: &'a MachineWeights,
    precision: Precision,
    session: &'a mut Session,
    bar: ProgressBar,
    /// What it has done.
    pub work: Work,
}

/// Products that were computed and equalled plain loops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// How many.
    pub products: usize,
    /// Their multiply-accumulates (MACs).
    pub macs: u64,
    /// Their bit operations: MACs times activation bits times weight bits.
    pub bops: u64,
}

impl<'a> MachineLinears<'a> {
    /// Begins a run. `bar` advances by the bit operations of each product, which is what the array takes its time for.
    pub fn new(
        model: &'a Model,
        weights: &'a MachineWeights,
        precision: Precision,
        session: &'a mut Session,
        bar: ProgressBar,
    ) -> Self {
        Self { model, weights, precision, session, bar, work: Work::default() }
    }
}

impl Linears for MachineLinears<'_> {
    fn apply(&mut self, layer: usize, part: Part, x: &[f32]) -> Result<Vec<f32>, Failure> {
        let linear = self.model.linear(layer, part);
        let index = layer * Part::ALL.len() + part as usize;
        let StoredWeights { weights, scales } = &self.weights.stored[index];
        let (k, n, bits) = (linear.k, linear.n, self.precision.of(part));
        let (activations, row_scales) = quantize_rows(x, k);

        let rows = Matrix { elements: &activations, k };
        let segments = [Segment::whole(k, ActBits::A8, true, switched(bits))];
        let place = match &self.weights.resident {
            Some(layouts) => Weights::Resident(layouts[index]),
            None => Weights::Streamed(weights),
        };
        let job = Job { m: row_scales.len(), k, n, rows: &rows, segments: &segments, weights: place, output: Output::Raw };
        let sums = gemm::run(self.session, &job, 0);
        let sums = sums.map_err(|source| Failure::Product { layer: linear.name.clone(), source })?;
        plain::compare(&linear.name, bits.bits(), &activations, weights, n, &sums)?;

        let macs = (job.m * k * n) as u64;
        let bops = macs * bit_operations(bits);
        self.work.products += 1;
        self.work.macs += macs;
        self.work.bops += bops;
        self.bar.inc(bops);

        let step = (1u32 << bits.exponent()) as f32;
        let mut y = Vec::with_capacity(sums.len());
        for (sums, row_scale) in sums.chunks_exact(n).zip(row_scales) {
            let channels = scales.iter().zip(&linear.bias);
            y.extend(sums.iter().zip(channels).map(|(&sum, (scale, bias))| sum as f32 * (row_scale * scale * step) + bias));
        }
        Ok(y)
    }
}
