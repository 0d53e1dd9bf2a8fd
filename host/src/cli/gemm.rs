//! `crumb gemm`: one matrix product from `.npy` files.

use super::Failure;
use super::options::{MachineOptions, Message};
use crate::gemm::{self, Job, Matrix, Output, Segment, Weights};
use crate::npy::{self, Array, Elements, NpyError, Shape};
use crumb_arch::precision::{ActBits, Rounding, WeightBits};
use crumb_arch::{Counter, WeightFormat};
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
    /// Print the counters as JSON.
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
        let mut session = self.machine.open()?;
        let job = Job { m, k, n, rows: &left, segments: &segments, weights: Weights::Streamed(&weights), output: Output::Raw };
        let result = gemm::run(&mut session, &job, 0)?;
        npy::write(&self.out, &Array { shape: vec![m, n], elements: Elements::I32(result) })?;
        let counters = session.counters()?;
        let macs = (m * k * n) as u64;
        if self.json {
            let named: serde_json::Map<String, serde_json::Value> =
                counters.iter().map(|(c, v)| (c.name().to_owned(), v.into())).collect();
            let report = serde_json::json!({
                "m": m, "k": k, "n": n, "macs": macs,
                "act_bits": self.act_bits.bits(), "weight_bits": self.weight_bits.bits(),
                "config": session.config().name, "backend": session.backend().name(),
                "counters": named, "derived": counters.derived(session.config()),
            });
            println!("{report:#}");
        } else if session.backend().is_clocked() {
            let cycles = counters[Counter::Cycles];
            println!(
                "{m} x {k} x {n} at a{}w{} on {}: {cycles} cycles, {:.1} MACs/cycle, array busy {:.1} %",
                self.act_bits,
                self.weight_bits,
                session.config().name,
                macs as f64 / cycles as f64,
                100.0 * counters[Counter::Busy] as f64 / cycles as f64
            );
        }
        Ok(())
    }
}
