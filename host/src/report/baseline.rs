//! What fp16 would take: the same multiply-accumulates and the same traffic with operands twice as wide, by Horowitz's figures.
//!
//! M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, figure 1.1.9, 45 nm, 0.9 V: a 16-bit floating-point
//! add 0.4 pJ, a multiply 1.1 pJ. Memories and DRAM are those of `horowitz-45nm`. There is no such machine here, so there are no cycles;
//! as there, clock, registers, control and leakage are in no sum, nor is the memory of biases: a lower bound, to be compared with the row at 8 bits by the same file.

use super::metrics::{ALL_EIGHT, FirstLast, Kind, Metrics, weights};
use super::ratio;
use crate::energy::vocabulary::{Access, Event};
use crate::energy::{Mode, Model};
use crate::estimate::network::NetworkEstimate;
use crumb_arch::ArrayConfig;
use crumb_arch::precision::{ActBits, WeightBits};

/// The energy file whose source has figures for fp16.
pub const TABLE: &str = "horowitz-45nm";
/// The row's name.
pub const FP16: &str = "fp16";
/// The name of the row at 8 bits by that file.
pub fn eight_name() -> String {
    format!("{ALL_EIGHT}, {TABLE}")
}

/// Whether a row of the baselines has this name.
pub fn is_name(name: &str) -> bool {
    name == FP16 || name == eight_name()
}

/// An add and a multiply of 16-bit floating-point numbers, pJ.
const FP16_MAC_PJ: f64 = 0.4 + 1.1;

/// The row of fp16, from the estimate with all layers at 8 bits.
pub fn fp16(eight: &NetworkEstimate, model: &Model, config: &ArrayConfig) -> Metrics {
    let total = &eight.total;
    let (bits, stream) = (&total.traffic.bits, &total.traffic.stream_bytes_in);
    let memory = |access, bits: u64, bytes: usize| {
        model.memory.get(&access).map_or(0.0, |sram| bits as f64 * sram.at(bytes as f64 / 1024.0))
    };
    let (read, write) = (Access::Read, Access::Write);
    let (activations, weight_bytes, sums) = (config.activation_lines, 4 * config.weight_words, 4 * config.accumulator_rows);
    // Operands are twice as wide; sums of 32 bits, in the accumulators or read out, biases and commands are as they are.
    let on_chip = memory(read, 2 * bits.activation_bits_read, 2 * activations)
        + memory(write, 2 * bits.activation_bits_written, 2 * activations)
        + memory(read, 2 * bits.weight_bits_read, 2 * weight_bytes)
        + memory(write, 2 * bits.weight_bits_written, 2 * weight_bytes)
        + memory(read, bits.accumulator_bits_read, sums)
        + memory(write, bits.accumulator_bits_written, sums);
    let requantized = eight.layers.iter().filter(|layer| layer.read_out.is_none());
    let operands_out: u64 = requantized.map(|layer| layer.cost.traffic.stream_bytes_out).sum();
    let wide = stream.activations + stream.weights + operands_out;
    let sums_out = total.traffic.stream_bytes_out - operands_out;
    let external = 2 * wide + sums_out + stream.parameters + stream.commands;
    let mode = Mode { act: ActBits::A8, weight: WeightBits::W8 };
    let dram = model.event.get(&Event::DramBit).and_then(|cost| cost.at(mode)).unwrap_or(0.0);
    let pj = total.macs as f64 * FP16_MAC_PJ + on_chip + 8.0 * external as f64 * dram;
    let count: u64 = eight.layers.iter().map(weights).sum();
    // The shares of cycles and energy are those of a machine.
    let row = Metrics::of(FP16, Kind::Baseline, eight, model.megahertz, TABLE);
    let first_last = FirstLast { cycles: None, energy: None, ..row.first_last };
    Metrics {
        first_last,
        bops: total.macs.saturating_mul(16 * 16),
        weight_bytes: 2 * count,
        weight_bytes_stored: Some(2 * count),
        weight_bytes_read: Some(2 * bits.weight_bits_read / 8),
        cycles: None,
        exact: false,
        milliseconds: None,
        tops: None,
        utilisation: None,
        energy_uj: Some(pj / 1e6),
        energy_table: TABLE.into(),
        energy_missing: ["clock_pj", "leakage_nw", "registers", "control", "parameter_memory"].map(str::to_owned).to_vec(),
        tops_per_watt: ratio(2.0 * total.macs as f64, pj),
        ..row
    }
}
