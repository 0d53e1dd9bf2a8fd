//! `docs/commands.md`: every command, every field, every answer.

use super::{NOTICE, table};
use crate::command::{Field, HEADER_WORDS, LINES_PER_BUS_WORD, LINES_PER_PARAMETER, LINES_PER_RAW_ROW, MAGIC, layout, opcode};
use crate::counters::COUNT;
use crate::status::STATUS_WORDS;

/// A command as people look it up.
struct Entry {
    opcode: u8,
    name: &'static str,
    does: &'static str,
    payload: &'static str,
    answer: &'static str,
}

const fn entry(opcode: u8, name: &'static str, does: &'static str, payload: &'static str, answer: &'static str) -> Entry {
    Entry { opcode, name, does, payload, answer }
}

const ENTRIES: [Entry; 10] = [
    entry(opcode::LOAD_ACTIVATIONS, "load_activations", "writes lines of the activation buffer", "count", "none"),
    entry(opcode::LOAD_WEIGHTS, "load_weights", "writes addresses of the weight memory", "4 * weight_bus * count", "none"),
    entry(opcode::LOAD_PARAMETERS, "load_parameters", "writes entries of the parameter memory", "8 * count", "none"),
    entry(
        opcode::COMPUTE,
        "compute",
        "runs one tile: activation rows times switched weights, into the accumulators",
        "0",
        "none",
    ),
    entry(opcode::DRAIN, "drain", "reads accumulators out, requantized or raw", "0", "one packet of results"),
    entry(
        opcode::READ_STATUS,
        "read_status",
        "tells the error state, the sizes and the commands done; works in the error state",
        "0",
        "4 lines",
    ),
    entry(
        opcode::READ_COUNTERS,
        "read_counters",
        "tells every counter, once the machine is idle",
        "0",
        "2 lines for each counter",
    ),
    entry(opcode::CLEAR_COUNTERS, "clear_counters", "sets every counter to 0, once the machine is idle", "0", "none"),
    entry(opcode::CLEAR_ERROR, "clear_error", "leaves the error state, once the machine is idle", "0", "none"),
    entry(opcode::SET_PATTERN, "set_pattern", "says how the tiles that follow read the activation buffer", "0", "none"),
];

pub fn page() -> String {
    let commands = table(
        ["opcode", "command", "what it does", "payload lines", "answer"],
        ENTRIES.map(|e| {
            [e.opcode.to_string(), format!("`{}`", e.name), e.does.to_owned(), e.payload.to_owned(), e.answer.to_owned()]
        }),
    );
    let layouts: String = [
        ("`load_activations`, `load_weights`, `load_parameters`", opcode::LOAD_ACTIVATIONS),
        ("`compute`", opcode::COMPUTE),
        ("`drain`", opcode::DRAIN),
        ("`set_pattern`", opcode::SET_PATTERN),
        ("`read_status`, `read_counters`, `clear_counters`, `clear_error`", opcode::READ_STATUS),
    ]
    .into_iter()
    .filter_map(|(title, op)| layout(op).map(|fields| format!("### {title}\n\n{}\n", fields_table(fields))))
    .collect();
    format!(
        "{NOTICE}# Commands\n\n\
         Commands and data share one input stream. A command is one packet: header lines, then payload lines if any; `last` marks its\n\
         final beat. A line is `depth * max(rows, columns)` bytes and takes as many beats as the stream is narrower, lowest byte first.\n\
         A header is {HEADER_WORDS} words of 32 bits, lowest byte first: all in one line of 16 bytes or more, two in each of two lines of 8 to 15 bytes, one in\n\
         each of four narrower lines; the words stand in the low bytes of a line, and its rest is ignored.\n\n\
         {commands}\n\
         ## Header words\n\n\
         Bits are numbered from 0, the lowest. Bits that no field covers must be 0. The magic number is {MAGIC:#06X}.\n\n\
         {layouts}\
         Fences: with flag bit 0 the command waits until every tile given before is complete, with bit 1 until every drain is. A load does not wait\n\
         by itself: fence it when it overwrites what a tile or drain still reads. A `compute` waits for a drain of its own half, and a `drain` for\n\
         the tiles of its half; the other half goes on. A `drain` also waits for the drain before it, and the commands without fields for every\n\
         tile and drain. Commands wait in the input stream: a host that writes without reading its results stops when the machine's output is full,\n\
         and goes on when it reads.\n\n\
         After a host has died in the middle of a packet, the next one sends beats with `last` (each ends a packet, or is one that is too short) and reads until\n\
         `idle` is 1; `clear_error` then makes the machine ready. Memories and accumulators keep what they held.\n\n\
         ## Payload\n\n\
         - **Activations**: line `i` goes to address `base + i`. Byte `r * depth + d` is word `d` of row `r`; it holds 8/A activations, the first in the\n  \
           lowest bits. Row `r`, lane `l`, word `d` is element `(r * 8/A + l) * depth + d` of the K tile.\n\
         - **Weights**: {LINES_PER_BUS_WORD} lines for each of the `weight_bus` words of an address. Byte `c * depth + d` of line `{LINES_PER_BUS_WORD} * b + t` is the int8 weight of slot `t` of column `c` in\n  \
           word `b`. Channel `j` of a group of 4 * columns has slot `t = j / columns` of column `c = j mod columns`. A word is one `(row, lane)` of a tile, in K order:\n  \
           element k of a matrix lies in word `k / depth mod weight_bus` of address `k / (depth * weight_bus)`.\n\
         - **Parameters**: {LINES_PER_PARAMETER} lines for each entry. Byte `c` of line `q` is byte `q` of the 64-bit entry of column `c`: bias in bits 31..0, significand in\n  \
           55..32, shift in 63..56. A significand is 0 or has its top bit set, as that of a float32 has; others give no defined value.\n\n\
         ## Answers\n\n\
         Each answer is one packet.\n\n\
         - **drain, raw**: for each row and bank, {LINES_PER_RAW_ROW} lines with the int32 of every column, little-endian, column order.\n\
         - **drain, requantized**: for each row, `ceil(banks * width / 8)` lines; byte `c` holds column `c`, banks packed with the lowest in the lowest bits.\n\
         - **read_status**: {STATUS_WORDS} lines, one 32-bit word in each: `{{magic: 16, error: 16}}`; `{{stream bytes: 8, log2 weight_bus: 4, depth: 4, columns: 8, rows: 8}}`; log2 of\n  \
           `{{accumulator rows: 8, parameter entries: 8, weight words: 8, activation lines: 8}}`; commands carried out, this one included, modulo 2^32.\n\
         - **read_counters**: {} lines: see [counters.md](counters.md).\n\n\
         What the machine does with a bad command stands in [errors.md](errors.md).\n",
        2 * COUNT,
    )
}

fn fields_table(fields: &[Field]) -> String {
    table(
        ["word", "bits", "field", "meaning"],
        fields.iter().map(|f| {
            let hi = f.lo + f.width - 1;
            let bits = if f.width == 1 { f.lo.to_string() } else { format!("{hi}..{}", f.lo) };
            [f.word.to_string(), bits, format!("`{}`", f.name), f.meaning.to_owned()]
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_opcode_has_an_entry() {
        let documented: Vec<u8> = ENTRIES.iter().map(|e| e.opcode).collect();
        let existing: Vec<u8> = (0..=u8::MAX).filter(|&op| layout(op).is_some()).collect();
        assert_eq!(documented, existing);
    }
}
