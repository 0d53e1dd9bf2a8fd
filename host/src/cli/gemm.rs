//! `crumb gemm`: one matrix product from `.npy` files.

use super::Failure;
use super::files::{OutputFile, at, refuse_same};
use super::options::{MachineOptions, Message};
use super::output::{print, print_json};
use super::table::thousands;
use crate::gemm::{self, GemmError, Job, JobError, Matrix, Output, Segment, Weights};
use crate::npy::{self, Array, Elements, NpyError, Shape};
use crate::session::Session;
use crumb_arch::precision::{ActBits, Rounding, WeightBits};
use crumb_arch::{Counter, Counters, WeightFormat};
use std::path::{Path, PathBuf};

/// Multiply matrices on the machine: Y = A times the switched weights.
///
/// A is int8 or uint8 [M, K], W is int8 [K, N], Y is int32 [M, N]. No scale is applied: at 4 bits, Y is A times the 4-bit integers.
/// Any M, K, N of 1 or more. What cannot be computed exactly is refused.
#[derive(clap::Args)]
pub struct Gemm {
    /// Activations, int8 or uint8 [M, K].
    #[arg(long, value_name = "A.npy")]
    acts: PathBuf,
    /// Weights, int8 [K, N].
    #[arg(long, value_name = "W.npy")]
    weights: PathBuf,
    /// Activation width.
    #[arg(long, value_name = "8|4|2", default_value = "8")]
    act_bits: ActBits,
    /// Weight width.
    #[arg(long, value_name = "8|6|4|2", default_value = "8")]
    weight_bits: WeightBits,
    /// How int8 weights are rounded to fewer bits (slices 1 to 3 are cut and take floor).
    #[arg(long, value_name = "half-even|half-up|floor")]
    rounding: Option<Rounding>,
    /// 0: the rounded top of the weights; 1 to 3: the bits below it.
    #[arg(long, default_value = "0")]
    slice: u8,
    /// Activations are unsigned.
    #[arg(long)]
    act_unsigned: bool,
    /// Result, int32 [M, N].
    #[arg(long, value_name = "Y.npy")]
    out: PathBuf,
    /// Print the mode and the counters as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    machine: MachineOptions,
}

fn matrix(array: Array, path: &Path) -> Result<(Vec<i16>, usize, usize, Elements), Failure> {
    let &[rows, columns] = array.shape.as_slice() else {
        return Err(NpyError::Shape { path: path.to_owned(), found: Shape(array.shape), expected: "two dimensions" }.into());
    };
    let values = match &array.elements {
        Elements::I8(v) => v.iter().map(|&x| i16::from(x)).collect(),
        Elements::U8(v) => v.iter().map(|&x| i16::from(x)).collect(),
        other => {
            let found = other.type_name().to_owned();
            return Err(NpyError::Type { path: path.to_owned(), found, expected: "int8 or uint8" }.into());
        }
    };
    Ok((values, rows, columns, array.elements))
}

impl Gemm {
    /// Carries the command out.
    pub fn execute(&self) -> Result<(), Failure> {
        let (acts, m, k, _) = matrix(npy::read(&self.acts)?, &self.acts)?;
        let (_, rows, n, elements) = matrix(npy::read(&self.weights)?, &self.weights)?;
        let Elements::I8(weights) = elements else {
            let found = elements.type_name().to_owned();
            return Err(NpyError::Type { path: self.weights.clone(), found, expected: "int8" }.into());
        };
        if rows != k {
            let (a, w) = (self.acts.display(), self.weights.display());
            return Err(Message(format!("{a} has K = {k} columns, but {w} has {rows} rows: they must be equal")).into());
        }
        let default = if self.slice == 0 { Rounding::HalfEven } else { Rounding::Floor };
        let format = WeightFormat::new(self.weight_bits, self.slice, self.rounding.unwrap_or(default))?;
        let segments = [Segment::whole(k, self.act_bits, !self.act_unsigned, format)];
        let left = Matrix { elements: &acts, k };
        let job = Job { m, k, n, rows: &left, segments: &segments, weights: Weights::Streamed(&weights), output: Output::Raw };
        let out = self.output_file()?;
        let mut session = self.machine.open()?;
        let result = gemm::run(&mut session, &job, 0).map_err(|error| self.locate(error))?;
        let counters = session.backend().is_clocked().then(|| session.counters()).transpose()?;
        let result = Array { shape: vec![m, n], elements: Elements::I32(result) };
        out.finish(|file| npy::write_to(file, &result))?;
        let product = Product { m, k, n, format, counters };
        if self.json { print_json(&self.report(&product, &session)) } else { print(&self.summary(&product, &session)) }
    }

    /// Made before anything runs; the files that are read stay as they are.
    fn output_file(&self) -> Result<OutputFile, Failure> {
        let mut inputs = vec![("--acts", self.acts.as_path()), ("--weights", self.weights.as_path())];
        inputs.extend(self.machine.inputs());
        let mut outputs = vec![("--out", self.out.as_path())];
        outputs.extend(self.machine.outputs());
        refuse_same(&outputs, &inputs)?;
        Ok(OutputFile::create(&self.out)?)
    }

    /// Says which file a refusal is about.
    fn locate(&self, error: GemmError) -> Failure {
        let (acts, weights) = (self.acts.display(), self.weights.display());
        match error {
            GemmError::Job(JobError::Activation { .. }) => at(acts)(error).into(),
            GemmError::Job(_) => at(format!("{acts} times {weights}"))(error).into(),
            _ => error.into(),
        }
    }

    fn report(&self, product: &Product, session: &Session) -> serde_json::Value {
        let Product { m, k, n, format, counters } = product;
        let named = |counters: &Counters| -> serde_json::Map<String, serde_json::Value> {
            counters.iter().map(|(c, v)| (c.name().to_owned(), v.into())).collect()
        };
        serde_json::json!({
            "m": m, "k": k, "n": n, "macs": product.macs(),
            "act_bits": self.act_bits.bits(), "act_signed": !self.act_unsigned,
            "weight_bits": format.bits.bits(), "slice": format.slice, "rounding": format.rounding.to_string(),
            "config": session.config().name, "backend": session.backend().name(), "out": self.out,
            "utilisation": self.utilisation(product, session),
            "counters": counters.as_ref().map(named), "derived": counters.and_then(|c| c.derived(session.config())),
        })
    }

    fn summary(&self, product: &Product, session: &Session) -> String {
        let Product { m, k, n, format, counters } = product;
        let (config, macs) = (session.config(), product.macs());
        let sign = if self.act_unsigned { "unsigned" } else { "signed" };
        let cycles = counters.map(|c| c[Counter::Cycles]).filter(|&cycles| cycles > 0);
        let pace = |cycles| format!("{}, {:.1} MACs/cycle", thousands(cycles), macs as f64 / cycles as f64);
        let share = |share| format!("{:.1} % of the array's MACs", 100.0 * share);
        let rows = [
            ("product", format!("{m} x {k} x {n} (M x K x N), {} MACs", thousands(macs))),
            (
                "mode",
                format!("a{}w{}, {sign} activations, slice {}, {}", self.act_bits, format.bits, format.slice, format.rounding),
            ),
            (
                "machine",
                format!("'{}' ({} x {} PEs), backend {}", config.name, config.rows, config.cols, session.backend().name()),
            ),
            ("cycles", cycles.map_or("-".into(), pace)),
            ("utilisation", self.utilisation(product, session).map_or("-".into(), share)),
            ("result", format!("{}, int32 [{m}, {n}]", self.out.display())),
        ];
        rows.iter().map(|(name, value)| format!("{name:<13}{value}\n")).collect()
    }

    /// Cycles that the full array would need for the MACs, over the cycles taken.
    fn utilisation(&self, product: &Product, session: &Session) -> Option<f64> {
        let cycles = product.counters.map(|c| c[Counter::Cycles]).filter(|&cycles| cycles > 0)?;
        let best = session.config().macs_per_cycle(self.act_bits, product.format.bits);
        Some(product.macs() as f64 / (best as f64 * cycles as f64))
    }
}

/// What was computed, and what a machine with a clock counted meanwhile.
struct Product {
    m: usize,
    k: usize,
    n: usize,
    format: WeightFormat,
    counters: Option<Counters>,
}

impl Product {
    /// Multiply-accumulates. A product that was not refused has at most 2^28 results and a K below 2^30.
    fn macs(&self) -> u64 {
        self.m as u64 * self.n as u64 * self.k as u64
    }
}
