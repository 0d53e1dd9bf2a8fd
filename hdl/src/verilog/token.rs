//! Verilog text to tokens. Comments go; whether a line break or a space stood before a token stays,
//! so that hand-written bodies keep their layout when they are printed again.

use super::VerilogError;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An identifier or a keyword; an escaped identifier keeps its backslash.
    Word,
    /// `$signed` and its like.
    System,
    /// A number, sized or not.
    Number,
    /// A string, with its quotes.
    Text,
    /// An operator, a bracket or a separator.
    Symbol,
    /// A compiler directive with the rest of its line.
    Directive,
}

/// One token and the layout before it.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub kind: Kind,
    pub text: String,
    /// Line of the input, from 1.
    pub line: usize,
    /// A line break stood before it.
    pub breaks: bool,
    /// White space stood before it.
    pub spaced: bool,
}

impl Token {
    /// A token of our own making, on the line of its neighbours.
    pub(super) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Token { kind, text: text.into(), line: 0, breaks: false, spaced: false }
    }

    pub(super) fn is(&self, text: &str) -> bool {
        self.text == text && self.kind != Kind::Text
    }
}

/// Longest first, so that the first that fits is the right one.
const SYMBOLS: [&str; 28] = [
    "<<<=", ">>>=", "===", "!==", "<<<", ">>>", "<<=", ">>=", "==", "!=", "<=", ">=", "&&", "||", "<<", ">>", "**", "+:", "-:",
    "~&", "~|", "~^", "^~", "->", "::", "+=", "(*", "*)",
];

/// The tokens of a text.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, VerilogError> {
    let mut cursor = Cursor { rest: text, line: 1 };
    let mut found: Vec<Token> = Vec::new();
    let (mut breaks, mut spaced) = (true, false);
    while let Some(first) = cursor.rest.chars().next() {
        if first.is_whitespace() {
            breaks |= first == '\n';
            spaced = true;
            cursor.take(first.len_utf8());
        } else if cursor.rest.starts_with("//") {
            cursor.take(cursor.rest.find('\n').unwrap_or(cursor.rest.len()));
        } else if cursor.rest.starts_with("/*") {
            cursor.take_through("comment", 2, "*/")?;
            spaced = true;
        } else {
            let line = cursor.line;
            let (kind, text) = cursor.token(first, found.last())?;
            found.push(Token { kind, text, line, breaks, spaced });
            (breaks, spaced) = (false, false);
        }
    }
    Ok(found)
}

struct Cursor<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Cursor<'a> {
    /// Takes `bytes`, which end on a character boundary.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        self.take(end)
    }

    /// Takes up to and with `close`, which is sought after the first `open` bytes.
    fn take_through(&mut self, what: &'static str, open: usize, close: &'static str) -> Result<&'a str, VerilogError> {
        match self.rest[open..].find(close) {
            Some(at) => Ok(self.take(open + at + close.len())),
            None => Err(VerilogError::Unclosed { line: self.line, what, expected: close }),
        }
    }

    fn token(&mut self, first: char, before: Option<&Token>) -> Result<(Kind, String), VerilogError> {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
        if first.is_ascii_alphabetic() || first == '_' {
            return Ok((Kind::Word, self.take_while(word).to_owned()));
        }
        match first {
            '\\' => Ok((Kind::Word, self.take_while(|c| !c.is_whitespace()).to_owned())),
            '$' => Ok((Kind::System, self.take_while(word).to_owned())),
            '`' => Ok((Kind::Directive, self.take_while(|c| c != '\n').trim_end().to_owned())),
            '"' => self.string(),
            '0'..='9' | '\'' => self.number(),
            _ => self.symbol(first, before).map(|text| (Kind::Symbol, text)),
        }
    }

    fn string(&mut self) -> Result<(Kind, String), VerilogError> {
        let mut escaped = false;
        for (at, c) in self.rest.char_indices().skip(1) {
            match c {
                '"' if !escaped => return Ok((Kind::Text, self.take(at + 1).to_owned())),
                '\\' => escaped = !escaped,
                _ => escaped = false,
            }
        }
        Err(VerilogError::Unclosed { line: self.line, what: "string", expected: "\"" })
    }

    /// `12`, `1.5`, `8'hff`, `4'b10_x`, `8 'd3`, `'h5`; spaces inside a literal go.
    fn number(&mut self) -> Result<(Kind, String), VerilogError> {
        let line = self.line;
        let mut text = self.take_while(|c| c.is_ascii_digit() || c == '_' || c == '.').to_owned();
        let gap = self.rest.len() - self.rest.trim_start_matches([' ', '\t']).len();
        if self.rest[gap..].starts_with('\'') {
            self.take(gap + 1);
            text.push('\'');
            // The sign and the base only: the digits of `8'hbd` are letters too.
            text.push_str(self.take_while(|c| "sS".contains(c)));
            if self.rest.starts_with(['b', 'B', 'o', 'O', 'd', 'D', 'h', 'H']) {
                text.push_str(self.take(1));
            }
            self.take_while(|c| c == ' ' || c == '\t');
            let digits = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_' || c == '?');
            if digits.is_empty() && self.rest.starts_with('-') {
                return Err(VerilogError::NegativeLiteral { line, found: text + "-" });
            }
            text.push_str(digits);
        }
        Ok((Kind::Number, text))
    }

    fn symbol(&mut self, first: char, before: Option<&Token>) -> Result<String, VerilogError> {
        // `@(*)` and `always @(*)` are no attribute.
        if self.rest.starts_with("(*)") || (self.rest.starts_with("(*") && before.is_some_and(|t| t.is("@"))) {
            return Ok(self.take(1).to_owned());
        }
        if self.rest.starts_with("*)") && before.is_some_and(|t| t.is("(")) {
            return Ok(self.take(1).to_owned());
        }
        for symbol in SYMBOLS {
            if self.rest.starts_with(symbol) {
                return Ok(self.take(symbol.len()).to_owned());
            }
        }
        if "()[]{};:,.=+-*/%&|^~!<>?#@".contains(first) {
            return Ok(self.take(1).to_owned());
        }
        Err(VerilogError::Character { line: self.line, found: first })
    }
}
