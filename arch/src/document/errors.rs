//! `docs/errors.md`: the machine's error states and the way out of each.

use super::{NOTICE, table};
use crate::error::MachineError;

pub fn page() -> String {
    let errors = table(
        ["code", "name", "what happened", "way out"],
        MachineError::ALL
            .map(|e| [e.code().to_string(), format!("`{}`", e.name()), e.meaning().to_owned(), way_out(e).to_owned()]),
    );
    format!(
        "{NOTICE}# Error states\n\n\
         A command that the machine cannot carry out exactly puts it in a named error state. Its code stands on the `error` port and in\n\
         the first status word; 0 is no error. The first error stays; later ones do not replace it.\n\n\
         {errors}\n\
         In an error state\n\n\
         - tiles and drains given before the bad command complete, exactly as without it;\n\
         - the bad command changes no accumulator and gives no output: a header is checked before anything is computed. Payload lines of a\n  \
           load that turns out too short or too long may have been written, so load that memory again;\n\
         - the rest of its packet is taken and thrown away, up to `last`: the stream never blocks;\n\
         - every later command except `read_status` and `clear_error` is taken and thrown away;\n\
         - `read_status` answers with the code and with the number of commands carried out, itself included. A bad header is not counted, and a load\n  \
           with a bad payload is.\n\n\
         `clear_error` leaves the state once the machine is idle. Memories and counters keep their contents.\n\
         A header is checked in this order: magic, opcode, fields, tile size, then the activation and weight\n\
         ranges, parameter alignment, parameter and accumulator ranges, then its length. The first that fails is reported. A header that ends before its last line is `truncated`, whatever it holds.\n"
    )
}

const fn way_out(error: MachineError) -> &'static str {
    match error {
        MachineError::BadMagic => "begin every packet with a header; a packet before this one may have ended early",
        MachineError::BadOpcode => "use an opcode of [commands.md](commands.md)",
        MachineError::BadField => {
            "set the reserved bits to 0, and each field to a value in its table of [commands.md](commands.md)"
        }
        MachineError::Truncated => "send the whole header and as many whole payload lines as the command asks for, then `last`",
        MachineError::Overlong => "set `last` on the final beat of the command, and begin the next one after it",
        MachineError::ActivationRange => "keep base + count within `activation_lines`",
        MachineError::WeightRange => "keep base + count, or weights + k_words, within `weight_words`",
        MachineError::ParameterRange => "keep base + count, or parameters + banks, within `parameter_entries`",
        MachineError::AccumulatorRange => "keep accumulator + rows within `accumulator_rows`; split M into blocks",
        MachineError::TileRange => "split K into tiles of at most rows * 8/A / weight_bus weight addresses",
        MachineError::ParameterAlignment => "begin the entries of a drain at a multiple of `drain_banks`",
    }
}
