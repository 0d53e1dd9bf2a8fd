//! Sized literals, and where their size may change without changing a bit of the result.
//!
//! rust-hdl sizes literals by the Rust type: 32 bits for `1`, 64 for `usize`. Verilator's WIDTH then warns of every use.
//! A literal takes the width of its place in two cases, and in no other:
//!
//! - `x = a + 32'h1;` when the right side is made of `+ - * & | ^ ~`, `<<` by a literal, brackets, names, concatenations
//!   and literals only. Bit i of such a sum depends on bits 0..=i of its operands alone, so bits beyond the width of `x`
//!   are never seen. What stands inside a concatenation, and the distance of a shift, keeps its width.
//! - `a == 32'h3` and the other comparisons, with a plain unsigned name on the left and a value that fits its width:
//!   both sides are zero-extended alike. The tokens around must bind more weakly than the comparison.

use super::source::{Shape, Source};
use super::token::{Kind, Token};

/// A literal's width, if it has one, and its value; `None` for signed, real and four-valued literals.
pub(super) fn parse(text: &str) -> Option<(Option<usize>, u128)> {
    let text = text.replace('_', "");
    let Some((width, digits)) = text.split_once('\'') else {
        return Some((None, text.parse().ok()?));
    };
    let width = if width.is_empty() { None } else { Some(width.parse().ok()?) };
    let mut characters = digits.chars();
    let radix = match characters.next()?.to_ascii_lowercase() {
        'b' => 2,
        'o' => 8,
        'd' => 10,
        'h' => 16,
        _ => return None,
    };
    Some((width, u128::from_str_radix(characters.as_str(), radix).ok()?))
}

/// The literal of `width` bits, if the value fits.
pub(super) fn sized(width: usize, value: u128) -> Option<String> {
    let fits = width >= 128 || value >> width == 0;
    let base = if width == 1 { "b" } else { "h" };
    fits.then(|| format!("{width}'{base}{value:x}"))
}

/// The width of a literal that is all ones: a mask.
pub(super) fn all_ones(text: &str) -> Option<usize> {
    if let Some((Some(width), value)) = parse(text) {
        return (0 < width && width <= 128 && value == u128::MAX >> (128 - width)).then_some(width);
    }
    // Wider than 128 bits, in hexadecimal.
    let (width, digits) = text.split_once("'h")?;
    let width: usize = width.parse().ok()?;
    let first = format!("{:x}", (1_u32 << ((width + 3) % 4 + 1)) - 1);
    let ones = digits.strip_prefix(first.as_str())?;
    (ones.len() == (width - 1) / 4 && ones.chars().all(|digit| digit == 'f')).then_some(width)
}

/// Resizes the literals of one statement or process where that is safe.
pub(super) fn resize(tokens: &mut [Token], source: &Source) {
    let mut at = 0;
    while at < tokens.len() {
        if let Some((width, next)) = operand(tokens, at, source) {
            let comparison = ["==", "!=", "<", "<=", ">", ">="].iter().any(|op| tokens.get(next).is_some_and(|t| t.is(op)));
            if begins_statement(tokens, at) && tokens.get(next).is_some_and(|t| t.is("=") || t.is("<=")) {
                resize_modular(&mut tokens[next + 1..], width, source);
            } else if comparison && weaker_before(tokens, at) && weaker_after(tokens, next + 2) {
                tokens.get_mut(next + 1).into_iter().for_each(|token| set_width(token, width));
            }
        }
        at += 1;
    }
}

fn set_width(token: &mut Token, width: usize) {
    if token.kind == Kind::Number
        && let Some((Some(_), value)) = parse(&token.text)
        && let Some(text) = sized(width, value)
    {
        token.text = text;
    }
}

/// An unsigned name of known width at `at`, with a constant select if there is one: its width and what follows it.
pub(super) fn operand(tokens: &[Token], at: usize, source: &Source) -> Option<(usize, usize)> {
    let token = tokens.get(at).filter(|t| t.kind == Kind::Word)?;
    if at > 0 && tokens[at - 1].is(".") {
        return None;
    }
    let Shape { signed: false, width, .. } = source.shape(&token.text)? else { return None };
    let number = |ahead: usize| -> Option<usize> { tokens.get(at + ahead)?.text.parse().ok() };
    let is = |ahead: usize, text: &str| tokens.get(at + ahead).is_some_and(|t| t.is(text));
    match () {
        _ if !is(1, "[") => Some((*width, at + 1)),
        _ if is(3, "]") && number(2).is_some() => Some((1, at + 4)),
        _ if is(3, ":") && is(5, "]") => Some((number(2)?.checked_sub(number(4)?)? + 1, at + 6)),
        _ => None,
    }
}

fn begins_statement(tokens: &[Token], at: usize) -> bool {
    let openers = [";", "begin", "end", ")", "else", ":"];
    // Behind `begin : label` a statement begins too, but no name of the module is a label.
    at == 0 || openers.iter().any(|opener| tokens[at - 1].is(opener))
}

/// Up to the semicolon: resizes the literals if every operator is one of the modular ones.
fn resize_modular(tokens: &mut [Token], width: usize, source: &Source) {
    let Some(end) = tokens.iter().position(|t| t.is(";")) else { return };
    let tokens = &mut tokens[..end];
    let (mut at, mut literals) = (0, Vec::new());
    while let Some(token) = tokens.get(at) {
        let next = match token.kind {
            Kind::Word => match operand(tokens, at, source) {
                Some((_, next)) => next,
                None => return,
            },
            Kind::Number => {
                literals.push(at);
                at + 1
            }
            Kind::Symbol if ["(", ")", "+", "-", "*", "~"].iter().any(|op| token.is(op)) => at + 1,
            Kind::Symbol if token.is("<<") && tokens.get(at + 1).is_some_and(|t| t.kind == Kind::Number) => at + 2,
            Kind::Symbol if token.is("{") => match concatenation_end(&tokens[at..]) {
                Some(length) => at + length,
                None => return,
            },
            Kind::Symbol if ["&", "|", "^"].iter().any(|op| token.is(op)) && is_binary(tokens, at) => at + 1,
            _ => return,
        };
        at = next;
    }
    for at in literals {
        set_width(&mut tokens[at], width);
    }
}

/// How many tokens the concatenation at the beginning has.
fn concatenation_end(tokens: &[Token]) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        if token.is("{") {
            depth += 1;
        } else if token.is("}") {
            depth -= 1; // the first token opens
            if depth == 0 {
                return Some(at + 1);
            }
        }
    }
    None
}

/// Whether the operator at `at` has a left operand, so that it is no reduction.
fn is_binary(tokens: &[Token], at: usize) -> bool {
    at > 0
        && (matches!(tokens[at - 1].kind, Kind::Word | Kind::Number)
            || [")", "]", "}"].iter().any(|close| tokens[at - 1].is(close)))
}

/// Whether the operand at `at` belongs to its right-hand operator.
fn weaker_before(tokens: &[Token], at: usize) -> bool {
    let Some(before) = at.checked_sub(1) else { return false };
    let plain = ["(", "&&", "||", "=", "?", ","].iter().any(|op| tokens[before].is(op));
    plain || (["&", "|", "^"].iter().any(|op| tokens[before].is(op)) && is_binary(tokens, before))
}

/// Whether what follows the right operand leaves it to the comparison.
fn weaker_after(tokens: &[Token], at: usize) -> bool {
    let weaker = [")", ";", "&&", "||", "&", "|", "^", "?", ":", ","];
    tokens.get(at).is_none_or(|token| weaker.iter().any(|op| token.is(op)))
}
