//! A register as every model with a clock shows it: by name, so that models can be compared register by register.

/// A register's full path, width and value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// Instances and name, joined by dots: `array.pe_3.psum_0`.
    pub path: String,
    /// Bits.
    pub width: u32,
    /// Value. A register of more than 64 bits is given in parts, `line_0` the lowest.
    pub value: u64,
}
