//! Boolean functions of liberty cells, as truth tables.
//!
//! ```text
//! expression = term { ("+" | "|") term }            lowest
//! term       = factor { ["*" | "&" | " "] factor }
//! factor     = primary { "^" primary }
//! primary    = "!" primary | "(" expression ")" | pin { "'" } | "0" | "1"
//! ```
//!
//! The operators and their ranks are those of the Liberty User Guide, attribute `function`: inversion, XOR, AND, OR.

use std::iter::Peekable;
use std::str::Chars;

/// Inputs that a truth table can have: one bit of a `u64` for each combination of them.
pub const INPUTS_MAX: usize = 6;

/// A truth table: bit `i` is the output when input `n` has the value of bit `n` of `i`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Function(u64);

impl Function {
    /// Reads an expression over the named inputs; none if it is malformed, names another pin or there are too many inputs.
    pub fn parse(text: &str, inputs: &[String]) -> Option<Self> {
        if inputs.len() > INPUTS_MAX {
            return None;
        }
        let mut reader = Reader { rest: text.chars().peekable(), inputs };
        let table = reader.expression()?;
        (reader.next_char().is_none()).then_some(Self(table))
    }

    /// The output for inputs packed into the low bits.
    pub fn value(self, inputs: usize) -> bool {
        inputs < 64 && self.0 >> inputs & 1 == 1
    }
}

/// The truth table of input `n` alone.
fn column(n: usize) -> u64 {
    (0..64).filter(|i| i >> n & 1 == 1).fold(0, |table, i| table | 1 << i)
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    inputs: &'a [String],
}

impl Reader<'_> {
    /// The next character that is no blank, without taking it.
    fn next_char(&mut self) -> Option<char> {
        while self.rest.next_if(|c| c.is_whitespace()).is_some() {}
        self.rest.peek().copied()
    }

    fn take_if(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        self.next_char().filter(|&c| wanted(c))?;
        self.rest.next()
    }

    fn expression(&mut self) -> Option<u64> {
        let mut table = self.term()?;
        while self.take_if(|c| c == '+' || c == '|').is_some() {
            table |= self.term()?;
        }
        Some(table)
    }

    fn term(&mut self) -> Option<u64> {
        let mut table = self.factor()?;
        while self.take_if(|c| c == '*' || c == '&').is_some()
            || self.next_char().is_some_and(|c| c == '!' || c == '(' || c.is_alphanumeric())
        {
            table &= self.factor()?;
        }
        Some(table)
    }

    fn factor(&mut self) -> Option<u64> {
        let mut table = self.primary()?;
        while self.take_if(|c| c == '^').is_some() {
            table ^= self.primary()?;
        }
        Some(table)
    }

    fn primary(&mut self) -> Option<u64> {
        if self.take_if(|c| c == '!').is_some() {
            return Some(!self.primary()?);
        }
        let mut table = if self.take_if(|c| c == '(').is_some() {
            let table = self.expression()?;
            self.take_if(|c| c == ')')?;
            table
        } else {
            self.pin()?
        };
        while self.take_if(|c| c == '\'').is_some() {
            table = !table;
        }
        Some(table)
    }

    fn pin(&mut self) -> Option<u64> {
        let mut name = String::from(self.take_if(|c| c.is_alphanumeric() || c == '_')?);
        while let Some(c) = self.rest.next_if(|c| c.is_alphanumeric() || *c == '_') {
            name.push(c);
        }
        match name.as_str() {
            "0" => Some(0),
            "1" => Some(u64::MAX),
            name => self.inputs.iter().position(|input| input == name).map(column),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agrees(text: &str, pins: usize, model: impl Fn([bool; 4]) -> bool) {
        let names = ["A", "B", "C", "D"].map(str::to_owned);
        let function = Function::parse(text, &names[..pins]).unwrap();
        for i in 0..1_usize << pins {
            assert_eq!(function.value(i), model([0, 1, 2, 3].map(|n| i >> n & 1 == 1)), "{text}: {i:04b}");
        }
    }

    #[test]
    fn every_operator_and_its_rank() {
        agrees("(A B)", 2, |[a, b, ..]| a && b);
        agrees("(!((A B)+(C D)))", 4, |[a, b, c, d]| !(a && b || c && d));
        agrees("A+B C", 3, |[a, b, c, _]| a || b && c);
        agrees("A * B ^ C", 3, |[a, b, c, _]| a && (b != c));
        agrees("A' & !B | C''", 3, |[a, b, c, _]| !a && !b || c);
        agrees("(A^B)^C", 3, |[a, b, c, _]| a ^ b ^ c);
        agrees("(A' 1)+(A 0)", 1, |[a, ..]| !a);
    }

    #[test]
    fn what_is_no_function_is_refused() {
        let pins = ["A".to_owned()];
        for text in ["", "B", "(A", "A)", "A+", "!", "A ^"] {
            assert_eq!(Function::parse(text, &pins), None, "{text}");
        }
        assert_eq!(Function::parse("A", &["A", "B", "C", "D", "E", "F", "G"].map(str::to_owned)), None);
    }
}
