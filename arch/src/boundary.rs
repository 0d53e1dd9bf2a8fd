//! The boundary of the accelerator: one stream in, one stream out, seen cycle by cycle.
//!
//! ```text
//!              +---------+
//!  s_axis ---> |  Crumb  | ---> m_axis      AXI4-Stream, tdata of 32 to 256 bits
//!              |         | ---> error, idle
//!              +---------+
//! ```
//!
//! Every machine that has this boundary (the Verilog, the rust-hdl circuit, the simulator) implements [`Boundary`]; the
//! [driver](crate::driver) drives any of them.

/// The widest stream, in bytes.
pub const MAX_STREAM_BYTES: usize = 32;

/// The data of one beat: up to [`MAX_STREAM_BYTES`], little-endian, without allocation.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Data {
    bytes: [u8; MAX_STREAM_BYTES],
    len: u8,
}

impl Data {
    /// `stream_bytes` zeros.
    ///
    /// # Panics
    /// If `stream_bytes` is more than [`MAX_STREAM_BYTES`].
    #[must_use]
    pub fn zeros(stream_bytes: usize) -> Self {
        Self::new(&[0; MAX_STREAM_BYTES][..stream_bytes])
    }

    /// The bytes of one beat, least significant first.
    ///
    /// # Panics
    /// If there are more than [`MAX_STREAM_BYTES`].
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        assert!(bytes.len() <= MAX_STREAM_BYTES, "a beat has at most {MAX_STREAM_BYTES} bytes, not {}", bytes.len());
        let mut data = Self { bytes: [0; MAX_STREAM_BYTES], len: bytes.len() as u8 };
        data.bytes[..bytes.len()].copy_from_slice(bytes);
        data
    }

    /// The bytes, least significant first.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// All bytes; those beyond the width of the stream are zero.
    #[must_use]
    pub const fn padded(&self) -> &[u8; MAX_STREAM_BYTES] {
        &self.bytes
    }
}

impl std::fmt::Debug for Data {
    /// As a hexadecimal number, most significant byte first, like a waveform viewer.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("0x")?;
        self.as_bytes().iter().rev().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What is driven in one cycle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// A beat is offered.
    pub s_tvalid: bool,
    /// It is the last of its packet.
    pub s_tlast: bool,
    /// Its data, as wide as the stream.
    pub s_tdata: Data,
    /// A beat of output would be taken.
    pub m_tready: bool,
}

/// What is seen in one cycle, with its inputs applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outputs {
    /// An offered beat is taken at the end of this cycle.
    pub s_tready: bool,
    /// A beat of output is offered.
    pub m_tvalid: bool,
    /// It is the last of its packet.
    pub m_tlast: bool,
    /// Its data, as wide as the stream.
    pub m_tdata: Data,
    /// The error code, 0 while there is none.
    pub error: u8,
    /// Nothing is under way.
    pub idle: bool,
}

/// A machine seen from its boundary.
///
/// A cycle is any number of [`settle`](Self::settle) (outputs may depend on inputs of the same cycle) and one
/// [`clock`](Self::clock), which applies the inputs settled last.
pub trait Boundary {
    /// Width of the stream, in bytes.
    fn stream_bytes(&self) -> usize;

    /// Applies the inputs of this cycle and reads the outputs; no register changes.
    fn settle(&mut self, inputs: &Inputs) -> Outputs;

    /// Ends the cycle: every register takes its next value.
    fn clock(&mut self);
}

impl<B: Boundary + ?Sized> Boundary for &mut B {
    fn stream_bytes(&self) -> usize {
        (**self).stream_bytes()
    }

    fn settle(&mut self, inputs: &Inputs) -> Outputs {
        (**self).settle(inputs)
    }

    fn clock(&mut self) {
        (**self).clock();
    }
}

impl<B: Boundary + ?Sized> Boundary for Box<B> {
    fn stream_bytes(&self) -> usize {
        (**self).stream_bytes()
    }

    fn settle(&mut self, inputs: &Inputs) -> Outputs {
        (**self).settle(inputs)
    }

    fn clock(&mut self) {
        (**self).clock();
    }
}
