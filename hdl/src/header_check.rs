//! Header check: what is wrong with four header words, whatever the sizes of the machine. Combinational.
//!
//! ```text
//!  word0..word3 --> magic? --> opcode? --> reserved bits, counts, field values? --> fault (0: none), when `enable`
//! ```
//!
//! Invariant: equal to the part of `crumb_arch::Command::decode` before its range checks. The decoder registers `fault`, so that no
//! range check stands on the same path.

use crumb_arch::MachineError;
use crumb_arch::command::{self, MAGIC, fields, opcode, used_bits};
use rust_hdl::prelude::*;

/// The check of four header words.
#[derive(LogicBlock)]
pub struct HeaderCheck {
    /// Whether to look at all: otherwise `fault` is 0.
    pub enable: Signal<In, Bit>,
    /// Header word 0.
    pub word0: Signal<In, Bits<32>>,
    /// Header word 1.
    pub word1: Signal<In, Bits<32>>,
    /// Header word 2.
    pub word2: Signal<In, Bits<32>>,
    /// Header word 3.
    pub word3: Signal<In, Bits<32>>,
    /// Error code, or 0.
    pub fault: Signal<Out, Bits<4>>,
    op: Signal<Local, Bits<8>>,
    magic: Signal<Local, Bits<16>>,
    rows: Signal<Local, Bits<16>>,
    upper: Signal<Local, Bits<16>>,
    base: Signal<Local, Bits<16>>,
    bad: Signal<Local, Bit>,
    reserved0: Signal<Local, Bits<32>>,
    reserved2: Signal<Local, Bits<32>>,
    reserved3: Signal<Local, Bits<32>>,
    act: Signal<Local, Bits<2>>,
    weight: Signal<Local, Bits<2>>,
    slice: Signal<Local, Bits<2>>,
    rounding: Signal<Local, Bits<2>>,
    part: Signal<Local, Bits<2>>,
    zero_point: Signal<Local, Bits<9>>,
    lo: Signal<Local, Bits<9>>,
    hi: Signal<Local, Bits<9>>,
    lo_flipped: Signal<Local, Bits<9>>,
    hi_flipped: Signal<Local, Bits<9>>,
    quiet2: Signal<Local, Bits<32>>,
    magic_number: Constant<Bits<16>>,
    last_load: Constant<Bits<8>>,
    compute: Constant<Bits<8>>,
    drain: Constant<Bits<8>>,
    set_pattern: Constant<Bits<8>>,
    pattern_unused2: Constant<Bits<32>>,
    fence_tiles: Constant<Bits<32>>,
    compute_unused3: Constant<Bits<32>>,
    drain_unused2: Constant<Bits<32>>,
    drain_unused3: Constant<Bits<32>>,
    drain_format2: Constant<Bits<32>>,
    sign9: Constant<Bits<9>>,
    bad_magic: Constant<Bits<4>>,
    bad_opcode: Constant<Bits<4>>,
    bad_field: Constant<Bits<4>>,
}

/// An error's code as a constant of the circuit.
pub(crate) fn code(error: MachineError) -> Constant<Bits<4>> {
    Constant::new(u64::from(error.code()).into())
}

/// An opcode as a constant of the circuit.
pub(crate) fn op(opcode: u8) -> Constant<Bits<8>> {
    Constant::new(u64::from(opcode).into())
}

fn mask(bits: u32) -> Constant<Bits<32>> {
    Constant::new(u64::from(bits).into())
}

impl Default for HeaderCheck {
    fn default() -> Self {
        // The circuit below takes for granted which words are free of fields, and that opcodes are 1 .. 10 with the loads first.
        assert!((1..=10).all(|op| command::layout(op).is_some()) && command::layout(11).is_none());
        let unused = |layout, word: usize| mask(!used_bits(layout)[word]);
        Self {
            enable: Default::default(),
            word0: Default::default(),
            word1: Default::default(),
            word2: Default::default(),
            word3: Default::default(),
            fault: Default::default(),
            op: Default::default(),
            magic: Default::default(),
            rows: Default::default(),
            upper: Default::default(),
            base: Default::default(),
            bad: Default::default(),
            reserved0: Default::default(),
            reserved2: Default::default(),
            reserved3: Default::default(),
            act: Default::default(),
            weight: Default::default(),
            slice: Default::default(),
            rounding: Default::default(),
            part: Default::default(),
            zero_point: Default::default(),
            lo: Default::default(),
            hi: Default::default(),
            lo_flipped: Default::default(),
            hi_flipped: Default::default(),
            quiet2: Default::default(),
            magic_number: Constant::new(u64::from(MAGIC).into()),
            last_load: op(opcode::LOAD_PARAMETERS),
            compute: op(opcode::COMPUTE),
            drain: op(opcode::DRAIN),
            set_pattern: op(opcode::SET_PATTERN),
            pattern_unused2: unused(fields::PATTERN, 2),
            fence_tiles: mask(u32::from(command::MAX_FENCE_TILES) << (fields::FLAGS.lo + command::FENCE_TILES_LO)),
            compute_unused3: unused(fields::COMPUTE, 3),
            drain_unused2: unused(fields::DRAIN, 2),
            drain_unused3: unused(fields::DRAIN, 3),
            drain_format2: mask(used_bits(&[fields::WIDTH, fields::EXPONENT_ADJUST])[2]),
            sign9: Constant::new(0x100.into()),
            bad_magic: code(MachineError::BadMagic),
            bad_opcode: code(MachineError::BadOpcode),
            bad_field: code(MachineError::BadField),
        }
    }
}

impl Logic for HeaderCheck {
    #[hdl_gen]
    fn update(&mut self) {
        self.fault.next = 0.into();
        self.op.next = 0.into();
        self.magic.next = 0.into();
        self.rows.next = 0.into();
        self.upper.next = 0.into();
        self.base.next = 0.into();
        self.bad.next = false;
        self.reserved0.next = 0.into();
        self.reserved2.next = 0.into();
        self.reserved3.next = 0.into();
        self.act.next = 0.into();
        self.weight.next = 0.into();
        self.slice.next = 0.into();
        self.rounding.next = 0.into();
        self.part.next = 0.into();
        self.zero_point.next = 0.into();
        self.lo.next = 0.into();
        self.hi.next = 0.into();
        self.lo_flipped.next = 0.into();
        self.hi_flipped.next = 0.into();
        self.quiet2.next = 0.into();
        // Without the test, rust-hdl's simulation would take the fields apart in every pass of every cycle.
        if self.enable.val() {
            self.op.next = self.word0.val().get_bits::<8>(0);
            self.magic.next = self.word0.val().get_bits::<16>(16);
            self.rows.next = self.word1.val().get_bits::<16>(16);
            self.upper.next = self.word2.val().get_bits::<16>(16);
            self.base.next = self.word1.val().get_bits::<16>(0);
            self.act.next = self.word3.val().get_bits::<2>(17);
            self.weight.next = self.word3.val().get_bits::<2>(19);
            self.slice.next = self.word3.val().get_bits::<2>(21);
            self.rounding.next = self.word3.val().get_bits::<2>(23);
            self.part.next = self.word3.val().get_bits::<2>(26);
            self.zero_point.next = self.word3.val().get_bits::<9>(0);
            self.lo.next = self.word3.val().get_bits::<9>(9);
            self.hi.next = self.word3.val().get_bits::<9>(18);
            self.lo_flipped.next = self.lo.val() ^ self.sign9.val();
            self.hi_flipped.next = self.hi.val() ^ self.sign9.val();
            self.reserved0.next = self.word0.val() & self.fence_tiles.val();
            self.reserved2.next = self.word2.val() & self.drain_unused2.val();
            self.quiet2.next = self.word2.val() & self.drain_format2.val();

            if self.op.val() <= self.last_load.val() {
                // Loads: word 1 is {count, base}, the rest is reserved.
                self.bad.next = self.word2.val().any() | self.word3.val().any() | !self.rows.val().any();
            } else if self.op.val() == self.compute.val() {
                self.reserved3.next = self.word3.val() & self.compute_unused3.val();
                self.bad.next = self.reserved3.val().any()
                    | !self.rows.val().any()
                    | !self.upper.val().any()
                    | self.act.val().all()
                    | self.rounding.val().all()
                    | (self.slice.val().any() & self.rounding.val().any());
                // W8 and W6 have slice 0 alone; W4 has slices 0, 1 and parts 0, 1; W2 has part 0 alone.
                if self.weight.val() == 1 {
                    if self.slice.val().get_bit(1) | self.part.val().get_bit(1) {
                        self.bad.next = true;
                    }
                } else if self.weight.val() == 2 {
                    if self.part.val().any() {
                        self.bad.next = true;
                    }
                } else if self.slice.val().any() {
                    self.bad.next = true;
                }
            } else if self.op.val() == self.drain.val() {
                self.reserved3.next = self.word3.val() & self.drain_unused3.val();
                // Nine-bit values below -128 have their top bits 10; flipping the sign makes the comparison unsigned.
                self.bad.next = self.reserved2.val().any()
                    | self.reserved3.val().any()
                    | !self.rows.val().any()
                    | (self.word2.val().get_bit(16) & self.word2.val().get_bit(17))
                    | (self.zero_point.val().get_bit(8) & !self.zero_point.val().get_bit(7))
                    | (self.lo.val().get_bit(8) & !self.lo.val().get_bit(7))
                    | (self.hi.val().get_bit(8) & !self.hi.val().get_bit(7))
                    | (self.lo_flipped.val() > self.hi_flipped.val());
                if self.word2.val().get_bit(15) & (self.base.val().any() | self.quiet2.val().any() | self.word3.val().any()) {
                    self.bad.next = true;
                }
            } else if self.op.val() == self.set_pattern.val() {
                self.reserved2.next = self.word2.val() & self.pattern_unused2.val();
                self.bad.next = self.reserved2.val().any() | self.word3.val().any() | !self.base.val().any();
            } else {
                self.bad.next = self.word1.val().any() | self.word2.val().any() | self.word3.val().any();
            }
            // Without a fence its number of tiles is 0.
            if self.reserved0.val().any() & !self.word0.val().get_bit(8) {
                self.bad.next = true;
            }

            if self.magic.val() != self.magic_number.val() {
                self.fault.next = self.bad_magic.val();
            } else if !self.op.val().any() | (self.op.val() > self.set_pattern.val()) {
                self.fault.next = self.bad_opcode.val();
            } else if self.bad.val() {
                self.fault.next = self.bad_field.val();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::settle;
    use crumb_arch::{ArrayConfig, Command};

    /// Plausible headers: mostly the right magic, sparse fields.
    pub(crate) fn random_words(random: &mut crate::cosim::Random) -> [u32; 4] {
        let magic = if random.below(40) == 0 { random.next() as u32 >> 16 } else { u32::from(MAGIC) };
        let flags = if random.below(20) == 0 { random.below(256) } else { random.below(4) } as u32;
        let mut words = [magic << 16 | flags << 8 | random.below(13) as u32, 0, 0, 0];
        for word in &mut words[1..] {
            let density = random.below(5);
            *word = (0..density).fold(random.next() as u32, |word, _| word & random.next() as u32);
        }
        if random.below(8) != 0 {
            words[3] &= 0x0FFF_FFFF;
        }
        words
    }

    #[test]
    fn faults_are_those_of_the_contract() {
        let config = ArrayConfig { activation_lines: 1 << 16, ..ArrayConfig::named("tiny").unwrap() };
        let mut random = crate::cosim::Random::new(1);
        let mut check = HeaderCheck::default();
        check.connect_all();
        let mut seen = [0; 4];
        for _ in 0..60_000 {
            let words = random_words(&mut random);
            for (signal, word) in [&mut check.word0, &mut check.word1, &mut check.word2, &mut check.word3].into_iter().zip(words)
            {
                signal.next = u64::from(word).into();
            }
            check.enable.next = true;
            settle(&mut check);
            let expected = match Command::decode(&words, &config) {
                Err(e @ (MachineError::BadMagic | MachineError::BadOpcode | MachineError::BadField)) => e.code(),
                _ => 0,
            };
            assert_eq!(check.fault.val().to_u8(), expected, "{words:08x?}");
            seen[usize::from(expected)] += 1;
        }
        assert!(seen.iter().all(|&n| n > 500), "the random headers reach every fault: {seen:?}");
    }
}
