//! Lines as bytes, bytes as lines, words as an address, and a scale's two parts: wires, no logic. Leaves, because slices of wide vectors are slow in rust-hdl's simulation.
//!
//! ```text
//!  line (8*B bits) --> bytes[0] (lowest) .. bytes[B-1]        bytes[0..B] --> line
//! ```

use rust_hdl::prelude::*;
use std::array::from_fn;

/// The little-endian bytes of a vector; the last one is filled up with zeros.
pub fn to_bytes<const N: usize>(value: Bits<N>) -> Vec<u8> {
    let mut bytes = vec![0; N.div_ceil(8)];
    if N <= 32 {
        let word = value.to_u32().to_le_bytes();
        let taken = bytes.len();
        bytes.copy_from_slice(&word[..taken]);
    } else {
        for i in 0..N {
            bytes[i / 8] |= u8::from(value.get_bit(i)) << (i % 8);
        }
    }
    bytes
}

/// A vector from its little-endian bytes; bits beyond `N` are dropped, absent bytes are zero.
pub fn from_bytes<const N: usize>(bytes: &[u8]) -> Bits<N> {
    let bit = |i: usize| bytes.get(i / 8).is_some_and(|byte| byte >> (i % 8) & 1 == 1);
    if N <= 32 {
        return (0..N).fold(0u64, |value, i| value | u64::from(bit(i)) << i).into();
    }
    Bits::Long(from_fn(bit).into())
}

/// A line of `L = 8*B` bits, taken apart.
#[derive(LogicBlock)]
pub struct Split<const L: usize, const B: usize> {
    /// The line.
    pub line: Signal<In, Bits<L>>,
    /// Its bytes, lowest first.
    pub bytes: [Signal<Out, Bits<8>>; B],
}

impl<const L: usize, const B: usize> Default for Split<L, B> {
    fn default() -> Self {
        assert_eq!(L, 8 * B, "{B} bytes make a line of {} bits", 8 * B);
        Self { line: Default::default(), bytes: from_fn(|_| Default::default()) }
    }
}

impl<const L: usize, const B: usize> Logic for Split<L, B> {
    fn update(&mut self) {
        // Outputs follow the input only, and start as zero with it.
        if self.line.changed {
            for (signal, byte) in self.bytes.iter_mut().zip(to_bytes(self.line.val())) {
                signal.next = u64::from(byte).into();
            }
        }
    }

    fn connect(&mut self) {
        self.bytes.iter_mut().for_each(Logic::connect);
    }

    fn hdl(&self) -> Verilog {
        let lines: String = (0..B).map(|b| format!("    bytes${b} = line[{}:{}];\n", 8 * b + 7, 8 * b)).collect();
        Verilog::Custom(format!("always @(*) begin\n{lines}end"))
    }
}

/// A line of `L = 8*B` bits, put together.
#[derive(LogicBlock)]
pub struct Join<const L: usize, const B: usize> {
    /// The bytes, lowest first.
    pub bytes: [Signal<In, Bits<8>>; B],
    /// The line.
    pub line: Signal<Out, Bits<L>>,
}

impl<const L: usize, const B: usize> Default for Join<L, B> {
    fn default() -> Self {
        assert_eq!(L, 8 * B, "{B} bytes make a line of {} bits", 8 * B);
        Self { bytes: from_fn(|_| Default::default()), line: Default::default() }
    }
}

impl<const L: usize, const B: usize> Logic for Join<L, B> {
    fn update(&mut self) {
        if self.bytes.iter().any(|byte| byte.changed) {
            self.line.next = from_bytes(&self.bytes.each_ref().map(|byte| byte.val().to_u8()));
        }
    }

    fn connect(&mut self) {
        self.line.connect();
    }

    fn hdl(&self) -> Verilog {
        let names: Vec<String> = (0..B).rev().map(|b| format!("bytes${b}")).collect();
        Verilog::Custom(format!("always @(*) line = {{{}}};", names.join(", ")))
    }
}

/// The `N` words of a weight-memory address as a vector of `M = 32*N` bits.
#[derive(LogicBlock)]
pub struct JoinWords<const M: usize, const N: usize> {
    /// The words, lowest first.
    pub words: [Signal<In, Bits<32>>; N],
    /// The vector.
    pub joined: Signal<Out, Bits<M>>,
}

impl<const M: usize, const N: usize> Default for JoinWords<M, N> {
    fn default() -> Self {
        assert_eq!(M, 32 * N, "{N} words make a vector of {} bits", 32 * N);
        Self { words: from_fn(|_| Default::default()), joined: Default::default() }
    }
}

impl<const M: usize, const N: usize> Logic for JoinWords<M, N> {
    fn update(&mut self) {
        if self.words.iter().any(|word| word.changed) {
            let bytes: Vec<u8> = self.words.iter().flat_map(|word| word.val().to_u32().to_le_bytes()).collect();
            self.joined.next = from_bytes(&bytes);
        }
    }

    fn connect(&mut self) {
        self.joined.connect();
    }

    fn hdl(&self) -> Verilog {
        let names: Vec<String> = (0..N).rev().map(|n| format!("words${n}")).collect();
        Verilog::Custom(format!("always @(*) joined = {{{}}};", names.join(", ")))
    }
}

/// A scale as the parameter memory holds it, `{shift: 8, significand: 24}`, taken apart.
#[derive(LogicBlock, Default)]
pub struct Scale {
    /// The word of the memory.
    pub word: Signal<In, Bits<32>>,
    /// Its low 24 bits.
    pub significand: Signal<Out, Bits<24>>,
    /// Its high 8 bits.
    pub shift: Signal<Out, Bits<8>>,
}

impl Logic for Scale {
    fn update(&mut self) {
        if self.word.changed {
            let word = u64::from(self.word.val().to_u32());
            self.significand.next = (word & 0xFF_FFFF).into();
            self.shift.next = (word >> 24).into();
        }
    }

    fn connect(&mut self) {
        self.significand.connect();
        self.shift.connect();
    }

    fn hdl(&self) -> Verilog {
        Verilog::Custom("always @(*) begin\n    significand = word[23:0];\n    shift = word[31:24];\nend".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_vectors_of_every_width_agree() {
        fn round<const N: usize>() {
            let bytes: Vec<u8> = (0..N / 8).map(|i| (i * 37 + 11) as u8).collect();
            let value = from_bytes::<N>(&bytes);
            assert_eq!(to_bytes(value), bytes);
            assert_eq!(to_bytes(bit_cast::<N, N>(value) >> 8), [&bytes[1..], &[0]].concat());
        }
        round::<32>();
        round::<64>();
        round::<128>();
        round::<256>();
    }
}
