//! `docs/counters.md`: what the machine counts, and what follows from it.

use super::{NOTICE, table};
use crate::counters::{COUNT, COUNTER_BITS, Counter};

pub fn page() -> String {
    let counters = table(
        ["index", "counter", "unit", "meaning"],
        Counter::ALL
            .iter()
            .enumerate()
            .map(|(i, &c)| [i.to_string(), format!("`{}`", c.name()), unit(c).to_owned(), c.meaning().to_owned()]),
    );
    let accounted: Vec<_> =
        Counter::ALL[Counter::Busy as usize..=Counter::Idle as usize].iter().map(|c| format!("`{}`", c.name())).collect();
    let derived = table(["quantity", "unit", "from"], DERIVED.map(|row| row.map(str::to_owned)));
    format!(
        "{NOTICE}# Counters\n\n\
         The machine has {COUNT} counters of {COUNTER_BITS} bits. They count from power-up or the last `clear_counters`, and wrap. They hold\n\
         while the machine makes the answer to `read_counters`, so a reading is of one moment. The answer has {} words: for each counter, in the order of this table, the low 32 bits, then the high {} bits.\n\
         The circuit in rust-hdl, the Verilog and the simulator agree on every one of them.\n\n\
         {counters}\n\
         Every cycle is exactly one of {}, and their sum is `{}`\n\
         (`Counters::accounted_cycles`). A cycle with several reasons to stall counts once; which comes first stands in\n\
         [microarchitecture.md](microarchitecture.md).\n\n\
         ## What follows from them\n\n\
         Each event moves a known number of bits, so traffic is not counted a second time. `R`, `C` and `D` are rows, columns\n\
         and depth; a line has `8 * D * max(R, C)` bits. (`Counters::derived`)\n\n\
         {derived}\n\
         Utilisation of the array is `{}` / `{}`. Slots filled with padding are counted in `{}`: the work\n\
         that was asked for, divided by `macs`, says how much of the array the tiling uses.\n",
        2 * COUNT,
        COUNTER_BITS - 32,
        accounted.join(", "),
        Counter::Cycles.name(),
        Counter::Busy.name(),
        Counter::Cycles.name(),
        Counter::MacSlots.name(),
    )
}

const fn unit(counter: Counter) -> &'static str {
    use Counter as C;
    match counter {
        C::Cycles
        | C::Busy
        | C::StallWeights
        | C::StallActivations
        | C::StallParameters
        | C::StallAccumulators
        | C::StallOutput
        | C::StallCommands
        | C::Idle => "cycles",
        C::MacSlots => "MACs per PE",
        C::Tiles => "tiles",
        C::WeightWordsRead => "addresses",
        C::WeightWordsWritten => "words",
        C::ActivationLinesWritten | C::LinesIn | C::LinesOut => "lines",
        C::ParametersWritten => "entries",
        C::AccumulatorReads | C::AccumulatorWrites | C::DrainReads => "bank rows",
    }
}

/// The fields of [`crate::counters::Derived`]; the test below holds this table to the code.
const DERIVED: [[&str; 3]; 11] = [
    ["`macs`", "MACs", "`mac_slots` * R * C * D"],
    ["`bops`", "bit operations", "`busy_cycles` * 64 * R * C * D"],
    ["`activation_bits_read`", "bits", "`busy_cycles` * 8 * R * D"],
    ["`activation_bits_written`", "bits", "`activation_lines_written` * 8 * R * D"],
    ["`weight_bits_read`", "bits", "`weight_words_read` * 32 * C * D * B"],
    ["`weight_bits_written`", "bits", "`weight_words_written` * 32 * C * D"],
    ["`parameter_bits_written`", "bits", "`parameters_written` * 64 * C"],
    ["`accumulator_bits_read`", "bits", "(`accumulator_reads` + `drain_reads`) * 32 * C"],
    ["`accumulator_bits_written`", "bits", "`accumulator_writes` * 32 * C"],
    ["`stream_bits_in`", "bits", "`lines_in` * line"],
    ["`stream_bits_out`", "bits", "`lines_out` * line"],
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ArrayConfig;
    use crate::counters::Counters;

    /// The value of a formula of the table, term by term.
    fn evaluate(formula: &str, counters: &Counters, config: &ArrayConfig) -> u64 {
        let atom = |atom: &str| match atom.trim_matches(['(', ')', '`']) {
            "R" => config.rows as u64,
            "C" => config.cols as u64,
            "D" => config.depth as u64,
            "B" => config.weight_bus as u64,
            "line" => 8 * config.line_bytes() as u64,
            number if number.parse::<u64>().is_ok() => number.parse().unwrap(),
            name => counters[*Counter::ALL.iter().find(|c| c.name() == name).unwrap_or_else(|| panic!("no counter {name}"))],
        };
        formula.split(" * ").map(|factor| factor.split(" + ").map(atom).sum::<u64>()).product()
    }

    #[test]
    fn the_table_of_derived_quantities_is_what_the_code_computes() {
        let config = ArrayConfig { cols: 8, depth: 2, weight_bus: 4, ..ArrayConfig::named("tiny").unwrap() };
        let counters = Counters(std::array::from_fn(|i| 1000 + 7 * i as u64));
        let d = counters.derived(&config).unwrap_or_default();
        let values = [
            d.macs,
            d.bops,
            d.activation_bits_read,
            d.activation_bits_written,
            d.weight_bits_read,
            d.weight_bits_written,
            d.parameter_bits_written,
            d.accumulator_bits_read,
            d.accumulator_bits_written,
            d.stream_bits_in,
            d.stream_bits_out,
        ];
        for ([name, _, formula], value) in DERIVED.iter().zip(values) {
            assert_eq!(evaluate(formula, &counters, &config), value, "{name}");
        }
    }
}
