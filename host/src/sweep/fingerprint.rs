//! A number that tells texts apart, the same on every machine and in every build: FNV-1a with 64 bits
//! (Fowler, Noll, Vo; RFC 9923).

/// The hash of everything that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Of nothing: the offset basis.
    pub const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// With one more text; where one ends and the next begins counts.
    #[must_use]
    pub fn with(self, text: &str) -> Self {
        // No UTF-8 text has the byte that ends one.
        text.bytes().chain([0xff]).fold(self, Self::byte)
    }

    /// The hash as a number.
    pub const fn number(self) -> u64 {
        self.0
    }

    const fn byte(self, byte: u8) -> Self {
        Self((self.0 ^ byte as u64).wrapping_mul(0x0100_0000_01b3))
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published values of FNV-1a for "" and "foobar".
    #[test]
    fn known_values() {
        let of = |text: &str| text.bytes().fold(Fingerprint::new(), Fingerprint::byte).to_string();
        assert_eq!([of(""), of("foobar")], ["cbf29ce484222325", "85944171f73967e8"]);
    }

    #[test]
    fn texts_do_not_run_into_each_other() {
        let of = |texts: &[&str]| texts.iter().fold(Fingerprint::new(), |hash, text| hash.with(text));
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["ab"]), of(&["ab", ""]));
    }
}
