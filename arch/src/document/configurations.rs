//! `docs/configurations.md`: the named configurations and what follows from their sizes.

use super::{NOTICE, table};
use crate::boundary::MAX_STREAM_BYTES;
use crate::config::{ArrayConfig, BANKS, MAX_ACCUMULATOR_ROWS, MAX_LINES, MAX_SIDE, NAMES};
use crate::precision::{ActBits, WeightBits};

pub fn page() -> String {
    // A unit test proves that each name has a valid configuration.
    let configs: Vec<_> = NAMES.into_iter().filter_map(|name| ArrayConfig::named(name).ok()).collect();
    let sizes = table(
        [
            "name",
            "rows x columns",
            "depth",
            "weight bus",
            "PEs",
            "two-bit multipliers",
            "stream",
            "line",
            "beats per line",
            "psum",
            "combined lane",
        ],
        configs.iter().map(|c| {
            let pes = c.rows * c.cols;
            [
                format!("`{}`", c.name),
                format!("{} x {}", c.rows, c.cols),
                c.depth.to_string(),
                format!("{} bits", 8 * c.word_k()),
                pes.to_string(),
                (16 * pes * c.depth).to_string(),
                format!("{} bits", c.stream_bits),
                format!("{} bytes", c.line_bytes()),
                c.beats_per_line().to_string(),
                format!("{} bits", c.psum_bits()),
                format!("{} bits", c.lane_bits()),
            ]
        }),
    );
    let speeds = table(
        ["name", "a8w8", "a8w4", "a8w2", "a4w8", "a4w4", "a4w2", "a2w8", "a2w4", "a2w2", "BOPs per cycle"],
        configs.iter().map(|c| {
            let pairs: Vec<_> = ActBits::ALL.into_iter().flat_map(|a| WeightBits::LANE_WIDTHS.map(|w| (a, w))).collect();
            std::array::from_fn(|i| match i {
                0 => format!("`{}`", c.name),
                10 => c.bops_per_cycle().to_string(),
                _ => c.macs_per_cycle(pairs[i - 1].0, pairs[i - 1].1).to_string(),
            })
        }),
    );
    let tiles = table(
        [
            "name",
            "K of a tile at A8 / A4 / A2",
            "N of a tile at W8 / W4 / W2",
            "channels of a group",
            "cycles to load a tile at A8 / A4 / A2",
            "cycles to drain a row of a group at 8 / 4 / 2 bits",
        ],
        configs.iter().map(|c| {
            let k = ActBits::ALL.map(|a| c.tile_k(a).to_string()).join(" / ");
            let n = WeightBits::LANE_WIDTHS.map(|w| c.tile_n(w).to_string()).join(" / ");
            let load = ActBits::ALL.map(|a| c.load_cycles(a).to_string()).join(" / ");
            let drain = ActBits::ALL.map(|width| (BANKS / c.banks_per_issue(width)).to_string()).join(" / ");
            [format!("`{}`", c.name), k, n, c.group_channels().to_string(), load, drain]
        }),
    );
    let memory = table(
        ["name", "activations", "weights", "parameters", "accumulators (both halves)", "all"],
        configs.iter().map(|c| {
            let bits = c.memory_bits();
            [
                format!("`{}`", c.name),
                format!("{} lines, {}", c.activation_lines, kib(bits[0])),
                format!("{} addresses, {}", c.weight_words, kib(bits[1])),
                format!("{} entries, {}", c.parameter_entries, kib(bits[2])),
                format!("2 x {} rows, {}", c.accumulator_rows, kib(bits[3])),
                kib(bits.iter().sum()),
            ]
        }),
    );
    format!(
        "{NOTICE}# Configurations\n\n\
         A configuration is the sizes of one machine. The named ones come with generated Verilog; a W6 tile has the numbers of W8.\n\n\
         ## Sizes\n\n{sizes}\n\
         ## MACs per cycle\n\n\
         `rows * columns * depth * 64 / (A * W)` with every PE busy (`ArrayConfig::macs_per_cycle`).\n\n{speeds}\n\
         ## Tiles\n\n\
         Weights of the next tile load while a tile streams, so a tile of M rows takes `max(M, load)` cycles.\n\
         A drain reads, requantizes and packs one accumulator bank per cycle, or with `drain_banks = 4` all banks of an output line: four at 2 bits,\n\
         two at 4 bits, one at 8 bits, where the line is the limit. Raw int32 rows are four lines for each bank on every machine.\n\
         In a cycle the weight bus of a column delivers the words of `min(weight_bus, 8/A)` lanes of one row: `load = rows * ceil(8/A / weight_bus)`.\n\n{tiles}\n\
         ## Memories\n\n\
         An activation line holds a byte for each row, a weight address four int8 for each column and word of the weight bus (both times the depth),\n\
         a parameter entry 64 bits for each column, and an accumulator row four int32 for each column.\n\n{memory}\n\
         ## Your own\n\n\
         A TOML file with the fields of the named ones (`arch/configs/`), for the simulator and the reference:\n\n\
         ```toml\n{}```\n\n{}\n\
         A file that breaks rules is refused with all of them listed (`ArrayConfig::validate`). The RTL exists for the named configurations, all of depth 1.\n",
        include_str!("../../configs/tiny.toml"),
        limits(),
    )
}

fn limits() -> String {
    let side = format!("4 to {MAX_SIDE}");
    let power = |lo: usize, hi: usize| format!("a power of two, {lo} to {hi}");
    table(
        ["field", "allowed"],
        [
            ("name", "lower-case letters, digits and `_`, not starting with a digit".to_owned()),
            ("rows", side.clone()),
            ("cols", side),
            ("depth", format!("1, 2 or 4, and rows * depth at most {MAX_SIDE}")),
            ("activation_lines", power(16, MAX_LINES)),
            ("weight_words", format!("{}, and at least 4 * rows / weight_bus", power(16, MAX_LINES))),
            ("weight_bus", "1, 2 or 4, a divisor of rows: words of `depth` weights that a column takes in a cycle".to_owned()),
            ("parameter_entries", power(4, MAX_LINES)),
            ("accumulator_rows", power(16, MAX_ACCUMULATOR_ROWS)),
            ("drain_banks", format!("1 or {BANKS}")),
            (
                "stream_bits",
                format!(
                    "a multiple of 8, at most {}, that divides the line of 8 * depth * max(rows, cols)",
                    8 * MAX_STREAM_BYTES
                ),
            ),
        ]
        .map(|(field, allowed)| [format!("`{field}`"), allowed]),
    )
}

fn kib(bits: usize) -> String {
    format!("{} KiB", bits as f64 / 8192.0)
}
