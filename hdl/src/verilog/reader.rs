//! Tokens to modules: headers, declarations, instances and processes of rust-hdl's output.
//!
//! What rust-hdl writes itself is taken apart. Text it copies from a `Verilog::Custom` is only cut into items,
//! so that any synthesizable body passes through.

use super::VerilogError;
use super::netlist::Direction;
use super::source::{Connection, Foreign, Item, Shape, Source, SourcePort};
use super::statement;
use super::token::{Kind, Token, tokens};

/// What a text holds: rust-hdl's modules, and the cores that were copied into it.
pub(super) struct Text {
    pub sources: Vec<Source>,
    pub foreign: Vec<Foreign>,
}

/// rust-hdl names a module by the path from the fixed name `top`; every other name is a copied core.
fn is_path(name: &str) -> bool {
    name == "top" || name.starts_with("top$")
}

/// Reads a whole text.
pub(super) fn read(text: &str) -> Result<Text, VerilogError> {
    let tokens = tokens(text)?;
    let mut read = Text { sources: Vec::new(), foreign: Vec::new() };
    let mut at = 0;
    while at < tokens.len() {
        let first = at;
        while tokens.get(at).is_some_and(|t| t.kind == Kind::Directive) {
            at += 1;
        }
        while tokens.get(at).is_some_and(|t| t.is("(*")) {
            at = 1 + find(&tokens, at, "*)", "an attribute before a module")?;
        }
        expect(&tokens, at, "module", "between modules")?;
        let end = find(&tokens, at, "endmodule", "a module")?;
        let name = word(&tokens, at + 1, "a module header")?;
        if is_path(name) {
            let place = format!("module `{name}`");
            let (ports, body) = header(&tokens[..end], at + 2, &place)?;
            let (ports, items) = body_items(&tokens[..end], body, ports, &place)?;
            read.sources.push(Source { name: name.to_owned(), line: tokens[at].line, ports, items });
        } else {
            let name = name.to_owned();
            read.foreign.push(Foreign { name, line: tokens[at].line, tokens: tokens[first..=end].to_vec() });
        }
        at = end + 1;
        while tokens.get(at).is_some_and(|t| t.is(";")) {
            at += 1;
        }
    }
    Ok(read)
}

/// The error for whatever stands at `at`.
pub(super) fn unexpected(tokens: &[Token], at: usize, place: &str, expected: &str) -> VerilogError {
    let (line, found) = match tokens.get(at) {
        Some(token) => (token.line, format!("`{}`", token.text)),
        None => (tokens.last().map_or(1, |t| t.line), "the end of the text".to_owned()),
    };
    VerilogError::Unexpected { line, place: place.to_owned(), found, expected: expected.to_owned() }
}

fn expect(tokens: &[Token], at: usize, text: &str, place: &str) -> Result<usize, VerilogError> {
    match tokens.get(at) {
        Some(token) if token.is(text) => Ok(at + 1),
        _ => Err(unexpected(tokens, at, place, &format!("`{text}`"))),
    }
}

fn find(tokens: &[Token], from: usize, text: &str, place: &str) -> Result<usize, VerilogError> {
    let found = tokens[from..].iter().position(|t| t.is(text));
    found.map(|at| from + at).ok_or_else(|| unexpected(tokens, tokens.len(), place, &format!("`{text}`")))
}

fn word<'a>(tokens: &'a [Token], at: usize, place: &str) -> Result<&'a str, VerilogError> {
    match tokens.get(at) {
        Some(token) if token.kind == Kind::Word => Ok(&token.text),
        _ => Err(unexpected(tokens, at, place, "a name")),
    }
}

/// The names in `(a, b, c);` and where the body begins.
fn header(tokens: &[Token], mut at: usize, place: &str) -> Result<(Vec<String>, usize), VerilogError> {
    let mut names = Vec::new();
    at = expect(tokens, at, "(", place)?;
    while !tokens.get(at).is_some_and(|t| t.is(")")) {
        names.push(word(tokens, at, place)?.to_owned());
        at += 1;
        if tokens.get(at).is_some_and(|t| t.is(",")) {
            at += 1;
        } else if !tokens.get(at).is_some_and(|t| t.is(")")) {
            return Err(unexpected(tokens, at, place, "`,` or `)` in a list of port names"));
        }
    }
    at = expect(tokens, at + 1, ";", place)?;
    Ok((names, at))
}

/// The items of a body, and the ports in the order of the header with the declarations of the body.
fn body_items(
    tokens: &[Token],
    mut at: usize,
    names: Vec<String>,
    place: &str,
) -> Result<(Vec<SourcePort>, Vec<Item>), VerilogError> {
    let (mut declared, mut items) = (Vec::new(), Vec::new());
    while at < tokens.len() {
        let end = statement::item_end(tokens, at, place)?;
        let part = &tokens[at..end];
        let direction = match part[0].text.as_str() {
            "input" => Some(Direction::Input),
            "output" => Some(Direction::Output),
            "inout" => Some(Direction::Inout),
            _ => None,
        };
        match direction {
            Some(direction) => {
                let declaration = plain_declaration(&part[1..]).ok_or_else(|| {
                    unexpected(tokens, at, place, "`<direction> <wire|reg> <constant range> <name>;` for a port")
                })?;
                declared.push(SourcePort { name: declaration.0, direction, shape: declaration.1 });
            }
            None => items.push(item(part, place)?),
        }
        at = end;
    }
    let mut ports = Vec::new();
    for name in names {
        match declared.iter().position(|port| port.name == name) {
            Some(found) => ports.push(declared.swap_remove(found)),
            None => {
                let expected = format!("a declaration of the port `{name}`");
                return Err(unexpected(tokens, tokens.len(), place, &expected));
            }
        }
    }
    match declared.first() {
        None => Ok((ports, items)),
        Some(port) => {
            let expected = format!("the port `{}` in the list of the header", port.name);
            Err(unexpected(tokens, tokens.len(), place, &expected))
        }
    }
}

/// `wire|reg [signed] [[msb:0]] name ;`
fn plain_declaration(part: &[Token]) -> Option<(String, Shape)> {
    let mut at = 0;
    let reg = part.first()?.is("reg");
    if reg || part[0].is("wire") {
        at += 1;
    } else {
        return None;
    }
    let signed = part.get(at)?.is("signed");
    at += usize::from(signed);
    let mut width = 1;
    if part.get(at)?.is("[") {
        let [_, msb, colon, lsb, close] = part.get(at..at + 5)? else { return None };
        if !(colon.is(":") && lsb.is("0") && close.is("]")) {
            return None;
        }
        width = msb.text.parse::<usize>().ok()?.checked_add(1)?;
        at += 5;
    }
    let [name, end] = part.get(at..)? else { return None };
    (name.kind == Kind::Word && end.is(";")).then(|| (name.text.clone(), Shape { reg, signed, width }))
}

/// One item, taken apart when it has one of rust-hdl's own forms.
fn item(part: &[Token], place: &str) -> Result<Item, VerilogError> {
    let first = &part[0];
    if let Some((name, shape)) = plain_declaration(part) {
        return Ok(Item::Net { name, shape });
    }
    if first.is("localparam") && !part.iter().any(|t| t.is(",") || t.is("[")) {
        let signed = part.get(1).is_some_and(|t| t.is("signed"));
        if let Some([name, equals, value @ .., _]) = part.get(1 + usize::from(signed)..)
            && name.kind == Kind::Word
            && equals.is("=")
        {
            return Ok(Item::Constant { name: name.text.clone(), signed, value: value.to_vec() });
        }
    }
    if let [always, at, open, star, close, body @ ..] = part
        && always.is("always")
        && [at, open, star, close].iter().zip(["@", "(", "*", ")"]).all(|(t, text)| t.is(text))
        && let Some(first) = body.first()
    {
        let block = first.is("begin");
        if block && !body.get(1).is_some_and(|t| t.is(":")) {
            return Ok(Item::Process { statements: statement::split(&body[1..body.len() - 1], place)? });
        } else if !block {
            return Ok(Item::Process { statements: vec![body.to_vec()] });
        }
    }
    if first.kind == Kind::Word && !statement::is_keyword(&first.text) {
        return instance(part, place);
    }
    Ok(Item::Other(part.to_vec()))
}

/// `module [#(...)] name ( .port(value), ... );`
fn instance(part: &[Token], place: &str) -> Result<Item, VerilogError> {
    let module = word(part, 0, place)?.to_owned();
    let mut at = 1;
    let mut parameters = Vec::new();
    if part.get(at).is_some_and(|t| t.is("#")) {
        let open = expect(part, at + 1, "(", place)?;
        let close = statement::closing(part, open - 1, place)?;
        parameters = part[open..close].to_vec();
        at = close + 1;
    }
    let name = word(part, at, place)?.to_owned();
    let place = format!("{place}, instance `{name}`");
    if !part.get(at + 1).is_some_and(|t| t.is("(")) {
        return Err(unexpected(part, at + 1, &place, "`(`"));
    }
    let close = statement::closing(part, at + 1, &place)?;
    expect(part, close + 1, ";", &place)?;
    let mut connections = Vec::new();
    at += 2;
    while at < close {
        let mut port = None;
        let mut end = statement::until_comma(part, at, close, &place)?;
        let next = end + 1;
        if part[at].is(".") {
            port = Some(word(part, at + 1, &place)?.to_owned());
            at = expect(part, at + 2, "(", &place)?;
            end = statement::closing(part, at - 1, &place)?;
        }
        connections.push(Connection { port, value: part[at..end].to_vec() });
        at = next;
    }
    Ok(Item::Instance { module, parameters, name, connections })
}
