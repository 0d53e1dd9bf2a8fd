//! Rewrites of single expressions that change no bit and silence Verilator where it would warn of rust-hdl's habits.

use std::collections::HashMap;

use super::literal;
use super::source::{Item, Source};
use super::token::{Kind, Token};

/// Applies all of them; to be called while names still carry their `$`, which tells an enum's constants.
pub(super) fn clean(source: &mut Source) {
    size_enum_constants(source);
    let mut items = std::mem::take(&mut source.items);
    for item in &mut items {
        if let Item::Process { statements } = item {
            statements.iter_mut().for_each(constant_selects);
        }
    }
    source.items = items;
    let mut items = source.items.clone();
    for item in &mut items {
        match item {
            Item::Process { statements } => statements.iter_mut().for_each(|statement| {
                casts(statement, source);
                literal::resize(statement, source);
            }),
            Item::Other(tokens) if tokens[0].is("initial") => {
                // Past `initial begin`, so that the first assignment begins a statement.
                literal::resize(&mut tokens[1..], source);
            }
            _ => {}
        }
    }
    source.items = items;
}

/// `localparam Phase$Idle = 0;` has 32 bits; an enum of n states has as many as n - 1 needs.
///
/// rust-hdl writes all discriminants of an enum, counted from 0, and only assigns and compares them.
fn size_enum_constants(source: &mut Source) {
    let mut counts: HashMap<String, u128> = HashMap::new();
    for item in &source.items {
        if let Item::Constant { name, value, .. } = item
            && let Some((kind, counted)) = discriminant(name, value)
        {
            let next = counts.entry(kind.to_owned()).or_default();
            *next = (*next).max(counted + 1);
        }
    }
    for item in &mut source.items {
        if let Item::Constant { name, value, .. } = item
            && let Some((kind, counted)) = discriminant(name, value)
        {
            let states = counts.get(kind).copied().unwrap_or(0);
            let bits = (u128::BITS - states.saturating_sub(1).leading_zeros()).max(1) as usize;
            if let Some(text) = literal::sized(bits, counted) {
                value[0].text = text;
            }
        }
    }
}

/// The enum and the number of `Phase$Idle = 0`.
fn discriminant<'a>(name: &'a str, value: &[Token]) -> Option<(&'a str, u128)> {
    let (kind, _) = name.rsplit_once('$')?;
    let [value] = value else { return None };
    match literal::parse(&value.text)? {
        (None, counted) => Some((kind, counted)),
        (Some(_), _) => None,
    }
}

/// `a[(64'h8)+:(4)]` to `a[11:8]`, `a[(64'h8)+:(1)]` and `a[64'h8]` to `a[8]`.
fn constant_selects(tokens: &mut Vec<Token>) {
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at].is("[") && at > 0 && tokens[at - 1].kind == Kind::Word {
            if let Some((offset, width)) = part_select(&tokens[at..]) {
                tokens.splice(at..at + 9, select(offset, width));
            } else if let Some([index, close]) = tokens.get(at + 1..at + 3)
                && close.is("]")
                && let Some((Some(_), value)) = literal::parse(&index.text)
            {
                tokens[at + 1].text = value.to_string();
            }
        }
        at += 1;
    }
}

/// Offset and width of `[ ( offset ) +: ( width ) ]`.
fn part_select(tokens: &[Token]) -> Option<(u128, u128)> {
    let shape = tokens.get(..9)?;
    let marks = [(0, "["), (1, "("), (3, ")"), (4, "+:"), (5, "("), (7, ")"), (8, "]")];
    if !marks.iter().all(|&(at, mark)| shape[at].is(mark)) {
        return None;
    }
    let (_, offset) = literal::parse(&shape[2].text)?;
    let (_, width) = literal::parse(&shape[6].text)?;
    (width > 0).then_some((offset, width))
}

/// rust-hdl's `bit_cast` is a mask, `((x) & (10'h3ff))`: of an unsigned name, with a constant select or not, this is
///
/// - `x` itself when it has the mask's width,
/// - `{4'h0, x}` when it is narrower: equal in value and in width, so equal wherever it stands,
/// - `x[9:0]` when it is wider, and only as a whole right side, where the width of the expression cannot matter.
fn casts(tokens: &mut Vec<Token>, source: &Source) {
    for at in (0..tokens.len()).rev() {
        if let Some((cast, end)) = cast(tokens, at, source) {
            tokens.splice(at..end, cast);
        }
    }
}

/// What the cast at `at` becomes, and where it ends.
fn cast(tokens: &[Token], at: usize, source: &Source) -> Option<(Vec<Token>, usize)> {
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token.is(text));
    if !is(at, "(") || !is(at + 1, "(") || (at > 0 && tokens[at - 1].kind != Kind::Symbol) {
        return None;
    }
    let (width, close) = literal::operand(tokens, at + 2, source)?;
    // The mask may have brackets of its own.
    let bracket = usize::from(is(close + 2, "("));
    let mask = tokens.get(close + 2 + bracket)?;
    let end = close + 4 + 2 * bracket;
    if !is(close, ")") || !is(close + 1, "&") || (bracket == 1 && !is(close + 4, ")")) || !is(end - 1, ")") {
        return None;
    }
    let wanted = literal::all_ones(&mask.text)?;
    let mut value = tokens[at + 2..close].to_vec();
    value[0].spaced = tokens[at].spaced;
    if width > wanted {
        let whole = at > 0 && tokens[at - 1].is("=") && is(end, ";");
        let low = match value.as_slice() {
            [_] => 0,
            [_, _, _, _, low, _] => low.text.parse().ok()?,
            _ => return None,
        };
        value.truncate(1);
        value.extend(select(low, wanted as u128));
        return whole.then_some((value, end));
    }
    if width < wanted {
        let mut zeros = Token::new(Kind::Number, literal::sized(wanted - width, 0)?);
        let mut open = Token::new(Kind::Symbol, "{");
        (open.spaced, zeros.spaced, value[0].spaced) = (tokens[at].spaced, false, true);
        value.splice(0..0, [open, zeros, Token::new(Kind::Symbol, ",")]);
        value.push(Token::new(Kind::Symbol, "}"));
    }
    Some((value, end))
}

/// `[offset + width - 1:offset]`, or `[offset]`.
fn select(offset: u128, width: u128) -> Vec<Token> {
    let mut select = vec![Token::new(Kind::Symbol, "[")];
    if width > 1 {
        select.push(Token::new(Kind::Number, (offset + width - 1).to_string()));
        select.push(Token::new(Kind::Symbol, ":"));
    }
    select.push(Token::new(Kind::Number, offset.to_string()));
    select.push(Token::new(Kind::Symbol, "]"));
    select
}
