//! What a merged module is called: the noun of the Rust field, or what a well-known leaf plainly is.

use super::literal;
use super::netlist::Direction;
use super::source::{Item, Source};

/// A noun for a module and, if it comes from a field, the noun of the block that has the field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Noun {
    pub noun: String,
    parent: Option<String>,
}

impl Noun {
    /// `pe_column` for a `column` in a `pe`.
    pub(super) fn with_parent(&self) -> String {
        match &self.parent {
            Some(parent) => format!("{parent}_{}", self.noun),
            None => self.noun.clone(),
        }
    }
}

/// `top$array$pe$3` is a `pe`; a flip-flop of eight bits is a `dff_8` whatever its field is called.
pub(super) fn noun(path: &str, source: &Source) -> Noun {
    if let Some(noun) = flip_flop(source).or_else(|| memory(source)) {
        return Noun { noun, parent: None };
    }
    let mut fields = path.split('$').filter(|part| !is_index(part)).map(field).rev();
    let noun = fields.next().unwrap_or_else(|| path.to_owned());
    Noun { noun, parent: fields.next().filter(|parent| parent != "top") }
}

fn is_index(part: &str) -> bool {
    !part.is_empty() && part.chars().all(|c| c.is_ascii_digit())
}

/// A field's name free of a trailing `_3`.
fn field(part: &str) -> String {
    let field = part.trim_start_matches('_');
    match field.rsplit_once('_') {
        Some((stem, index)) if is_index(index) && !stem.is_empty() => stem.to_owned(),
        _ => field.to_owned(),
    }
}

/// rust-hdl's `DFF`: `dff_8`, `dff_s8` when its value is signed, `dff_6_init_32` when it does not start as zero.
fn flip_flop(source: &Source) -> Option<String> {
    let [d, q, clock] = source.ports.as_slice() else { return None };
    let ports = d.name == "d" && q.name == "q" && clock.name == "clock" && q.direction == Direction::Output;
    let text = words(source);
    let body = text.starts_with("initial begin q = ") && text.ends_with(" ; end always @ ( posedge clock ) begin q <= d ; end");
    let sign = if q.shape.signed { "s" } else { "" };
    let initial = match text.split(' ').nth(4).and_then(literal::parse) {
        Some((_, 0)) | None => String::new(),
        Some((_, value)) => format!("_init_{value}"),
    };
    (ports && body && text.split(' ').count() == 19).then(|| format!("dff_{sign}{}{initial}", q.shape.width))
}

/// rust-hdl's `RAM`, or one of the same ports with a clock for both: `ram_1024x32`.
fn memory(source: &Source) -> Option<String> {
    let width = |name: &str| source.ports.iter().find(|port| port.name == name).map(|port| port.shape.width);
    let (address, data) = (width("read_address")?, width("read_data")?);
    let ports =
        (6..8).contains(&source.ports.len()) && width("write_address") == Some(address) && width("write_data") == Some(data);
    let body = words(source).contains("mem [ write_address ] <= write_data ;");
    let words = 1_u64.checked_shl(u32::try_from(address).ok()?)?;
    (ports && body).then(|| format!("ram_{words}x{data}"))
}

/// The tokens of a leaf's body with single spaces.
fn words(source: &Source) -> String {
    let leaf = |item: &Item| matches!(item, Item::Other(_));
    if !source.items.iter().all(leaf) {
        return String::new();
    }
    let words: Vec<&str> = source.items.iter().flat_map(|item| item.tokens()).map(|token| token.text.as_str()).collect();
    words.join(" ")
}
