//! Where a construct ends: brackets, statements and module items, by keywords and brackets alone.

use super::VerilogError;
use super::reader::unexpected;
use super::token::{Kind, Token};

/// The keywords of Verilog 2005, and those of SystemVerilog that a tool may insist on.
const KEYWORDS: &str = "
    alias always always_comb always_ff always_latch and assert assign assume automatic before begin bind bins bit
    break buf bufif0 bufif1 byte case casex casez cell chandle checker class clocking cmos config const constraint
    context continue cover covergroup coverpoint cross deassign default defparam design disable dist do edge else end
    endcase endchecker endclass endclocking endconfig endfunction endgenerate endgroup endinterface endmodule
    endpackage endprimitive endprogram endproperty endsequence endspecify endtable endtask enum event expect export
    extends extern final first_match for force foreach forever fork forkjoin function generate genvar highz0 highz1 if
    iff ifnone import initial inout input inside instance int integer interface intersect join join_any join_none large
    liblist library local localparam logic let longint macromodule matches medium modport module nand negedge new nmos nor
    not notif0 notif1 null or output package packed parameter pmos posedge primitive priority program property
    protected pull0 pull1 pulldown pullup pure rand randc randcase rcmos real realtime ref reg release repeat return
    rnmos rpmos scalared sequence shortint shortreal signed small solve specify specparam static string strong0
    strong1 struct super supply0 supply1 table tagged task this time timeprecision timeunit tran tri tri0 tri1 triand
    trior trireg type typedef union unique unsigned use uwire var vectored virtual void wait wait_order wand weak0
    weak1 while wildcard wire with within wor xnor xor";

/// Whether a word is reserved.
pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.split_ascii_whitespace().any(|keyword| keyword == word)
}

/// The bracket that closes the one at `open`.
pub(super) fn closing(tokens: &[Token], open: usize, place: &str) -> Result<usize, VerilogError> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open).filter(|(_, t)| t.kind == Kind::Symbol) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => match depth {
                0 => return Err(unexpected(tokens, at, place, "an opening bracket first")),
                1 => return Ok(at),
                _ => depth -= 1,
            },
            _ => {}
        }
    }
    Err(unexpected(tokens, tokens.len(), place, "a closing bracket"))
}

/// The next comma outside of brackets, or `end`.
pub(super) fn until_comma(tokens: &[Token], from: usize, end: usize, place: &str) -> Result<usize, VerilogError> {
    let mut at = from;
    while at < end && !tokens[at].is(",") {
        at = if is_open(&tokens[at]) { closing(tokens, at, place)? + 1 } else { at + 1 };
    }
    Ok(at)
}

fn is_open(token: &Token) -> bool {
    token.is("(") || token.is("[") || token.is("{")
}

/// The statements of a block, each with its end.
pub(super) fn split(tokens: &[Token], place: &str) -> Result<Vec<Vec<Token>>, VerilogError> {
    let (mut statements, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        let end = statement_end(tokens, at, place)?;
        statements.push(tokens[at..end].to_vec());
        at = end;
    }
    Ok(statements)
}

/// One past the end of the module item that begins at `at`.
pub(super) fn item_end(tokens: &[Token], at: usize, place: &str) -> Result<usize, VerilogError> {
    let token = &tokens[at];
    match token.text.as_str() {
        _ if token.kind == Kind::Directive => Ok(at + 1),
        "always" | "initial" | "always_comb" | "always_ff" | "always_latch" | "final" => statement_end(tokens, at + 1, place),
        "(*" => attribute_end(tokens, at, place).and_then(|next| match next < tokens.len() {
            true => item_end(tokens, next, place),
            false => Err(unexpected(tokens, next, place, "an item after an attribute")),
        }),
        "generate" => pair_end(tokens, at, "endgenerate", place),
        "function" => pair_end(tokens, at, "endfunction", place),
        "task" => pair_end(tokens, at, "endtask", place),
        "specify" => pair_end(tokens, at, "endspecify", place),
        _ => statement_end(tokens, at, place),
    }
}

fn attribute_end(tokens: &[Token], at: usize, place: &str) -> Result<usize, VerilogError> {
    pair_end(tokens, at, "*)", place)
}

fn pair_end(tokens: &[Token], at: usize, close: &str, place: &str) -> Result<usize, VerilogError> {
    let found = tokens[at..].iter().position(|t| t.is(close));
    let missing = || unexpected(tokens, tokens.len(), place, &format!("`{close}`"));
    found.map(|ahead| at + ahead + 1).ok_or_else(missing)
}

/// One past the end of the statement that begins at `at`.
fn statement_end(tokens: &[Token], mut at: usize, place: &str) -> Result<usize, VerilogError> {
    // A prefix such as `if (...)`, `@(...)` or `for (...)` has its statement behind it, hence the loop.
    loop {
        let Some(token) = tokens.get(at) else {
            return Err(unexpected(tokens, at, place, "a statement"));
        };
        match token.text.as_str() {
            _ if token.kind == Kind::Directive => at += 1,
            "(*" => at = attribute_end(tokens, at, place)?,
            "if" => {
                at = statement_end(tokens, past_brackets(tokens, at + 1, place)?, place)?;
                if !tokens.get(at).is_some_and(|t| t.is("else")) {
                    return Ok(at);
                }
                at += 1;
            }
            "for" | "while" | "repeat" | "wait" => at = past_brackets(tokens, at + 1, place)?,
            "forever" => at += 1,
            "@" | "#" => {
                let bracket = tokens.get(at + 1).is_some_and(|t| t.is("("));
                at = if bracket { past_brackets(tokens, at + 1, place)? } else { at + 2 };
            }
            "begin" => return block_end(tokens, at, &["begin"], "end", place),
            "case" | "casex" | "casez" => return block_end(tokens, at, &["case", "casex", "casez"], "endcase", place),
            "fork" => return block_end(tokens, at, &["fork"], "join", place),
            "end" | "endcase" | "else" | ")" | "]" | "}" => {
                return Err(unexpected(tokens, at, place, "a statement"));
            }
            _ => return semicolon(tokens, at, place),
        }
    }
}

fn past_brackets(tokens: &[Token], at: usize, place: &str) -> Result<usize, VerilogError> {
    match tokens.get(at) {
        Some(token) if token.is("(") => Ok(closing(tokens, at, place)? + 1),
        _ => Err(unexpected(tokens, at, place, "`(`")),
    }
}

fn semicolon(tokens: &[Token], mut at: usize, place: &str) -> Result<usize, VerilogError> {
    while let Some(token) = tokens.get(at) {
        if token.is(";") {
            return Ok(at + 1);
        }
        if ["begin", "end", "endcase"].iter().any(|keyword| token.is(keyword)) {
            break;
        }
        at = if is_open(token) { closing(tokens, at, place)? + 1 } else { at + 1 };
    }
    Err(unexpected(tokens, at, place, "`;`"))
}

fn block_end(tokens: &[Token], from: usize, open: &[&str], close: &str, place: &str) -> Result<usize, VerilogError> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        if open.iter().any(|keyword| token.is(keyword)) {
            depth += 1;
        } else if token.is(close) {
            depth -= 1; // never below zero: the first token opens
            if depth == 0 {
                return Ok(at + 1);
            }
        }
    }
    Err(unexpected(tokens, tokens.len(), place, &format!("`{close}`")))
}
