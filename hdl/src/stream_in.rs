//! Stream in: gathers the beats of an AXI4-Stream into lines.
//!
//! ```text
//!  cycle        0     1     2     3          N = 2 beats of S bits in a line
//!  tdata       <b0>  <b1>  <b2>
//!  line                     b1b0  b2b1       the first beat ends up lowest
//!  valid                   --1--             until the decoder takes the line
//! ```
//!
//! Latency: one cycle from the last beat of a line to `valid`. A line is taken in the cycle in which the first beat of the next one is
//! accepted, so lines follow each other without a bubble. Invariant: `tready` depends on registers alone; a line that `last`
//! cut short is `ragged`, and its beats stand in the highest positions.

use rust_hdl::prelude::*;

/// `S` stream bits, `L` line bits, `N = L/S` beats counted in `B = max(1, ceil(log2 N))` bits.
#[derive(LogicBlock)]
pub struct StreamIn<const S: usize, const L: usize, const B: usize> {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// AXI4-Stream.
    pub tvalid: Signal<In, Bit>,
    /// AXI4-Stream: final beat of a packet.
    pub tlast: Signal<In, Bit>,
    /// AXI4-Stream.
    pub tdata: Signal<In, Bits<S>>,
    /// AXI4-Stream.
    pub tready: Signal<Out, Bit>,
    /// From the decoder: a line is taken if there is one.
    pub line_ready: Signal<In, Bit>,
    /// The register `line`.
    pub line_out: Signal<Out, Bits<L>>,
    /// The register `valid`.
    pub valid_out: Signal<Out, Bit>,
    /// The register `last`.
    pub last_out: Signal<Out, Bit>,
    /// The register `ragged`.
    pub ragged_out: Signal<Out, Bit>,
    /// Neither a line nor a beat of one is here.
    pub empty: Signal<Out, Bit>,
    line: DFF<Bits<L>>,
    beat: DFF<Bits<B>>,
    valid: DFF<Bit>,
    last: DFF<Bit>,
    ragged: DFF<Bit>,
    ready: Signal<Local, Bit>,
    accept: Signal<Local, Bit>,
    final_beat: Signal<Local, Bit>,
    completes: Signal<Local, Bit>,
    last_beat: Constant<Bits<B>>,
    beat_bits: Constant<Bits<10>>,
    room_bits: Constant<Bits<10>>,
}

/// Bits that count the `L/S` beats of a line.
///
/// # Panics
/// When `given` is not that number: the const generics of a block contradict each other.
pub(crate) fn check_beats(stream: usize, line: usize, given: usize) -> u64 {
    assert!(stream >= 8 && line.is_multiple_of(stream), "a line of {line} bits cannot be cut into beats of {stream}");
    let beats = line / stream;
    assert_eq!(given, clog2(beats).max(1), "{beats} beats are counted in {} bits", clog2(beats).max(1));
    beats as u64 - 1
}

impl<const S: usize, const L: usize, const B: usize> Default for StreamIn<S, L, B> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            tvalid: Default::default(),
            tlast: Default::default(),
            tdata: Default::default(),
            tready: Default::default(),
            line_ready: Default::default(),
            line_out: Default::default(),
            valid_out: Default::default(),
            last_out: Default::default(),
            ragged_out: Default::default(),
            empty: Default::default(),
            line: Default::default(),
            beat: Default::default(),
            valid: Default::default(),
            last: Default::default(),
            ragged: Default::default(),
            ready: Default::default(),
            accept: Default::default(),
            final_beat: Default::default(),
            completes: Default::default(),
            last_beat: Constant::new(check_beats(S, L, B).into()),
            beat_bits: Constant::new((S as u64).into()),
            room_bits: Constant::new((L as u64 - S as u64).into()),
        }
    }
}

impl<const S: usize, const L: usize, const B: usize> Logic for StreamIn<S, L, B> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, line, beat, valid, last, ragged);
        self.ready.next = !self.valid.q.val() | self.line_ready.val();
        self.accept.next = self.tvalid.val() & self.ready.val();
        self.final_beat.next = self.beat.q.val() == self.last_beat.val();
        self.completes.next = self.accept.val() & (self.tlast.val() | self.final_beat.val());
        if self.accept.val() {
            self.line.d.next =
                (bit_cast::<L, S>(self.tdata.val()) << self.room_bits.val()) | (self.line.q.val() >> self.beat_bits.val());
            self.beat.d.next = self.beat.q.val() + 1;
        }
        self.valid.d.next = self.completes.val() | (self.valid.q.val() & !self.line_ready.val());
        if self.completes.val() {
            self.beat.d.next = 0.into();
            self.last.d.next = self.tlast.val();
            self.ragged.d.next = self.tlast.val() & !self.final_beat.val();
        }
        self.tready.next = self.ready.val();
        self.line_out.next = self.line.q.val();
        self.valid_out.next = self.valid.q.val();
        self.last_out.next = self.last.q.val();
        self.ragged_out.next = self.ragged.q.val();
        self.empty.next = !self.valid.q.val() & !self.beat.q.val().any();
    }
}

crate::clocked!([const S: usize, const L: usize, const B: usize] StreamIn<S, L, B>);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::{from_bytes, to_bytes};
    use crate::cosim::{Random, Recorder};
    use std::collections::VecDeque;

    /// Random packets with random stalls on both sides, against a queue of lines.
    fn queue<const S: usize, const L: usize, const B: usize>(name: &'static str) {
        let mut random = Random::new(S as u64 + L as u64);
        let mut bench = Recorder::new(name, StreamIn::<S, L, B>::default);
        let beats = L / S;
        let mut lines: VecDeque<(Vec<u8>, bool, bool)> = VecDeque::new();
        let (mut partial, mut taken, mut valid_before) = (Vec::<Vec<u8>>::new(), 0, false);
        let mut held = vec![0; L / 8];
        for cycle in 0..4000 {
            let percent = [100, 60, 20][cycle / 1000 % 3];
            let (tvalid, tlast, ready) = (random.chance(percent), random.chance(15), random.chance(120 - percent));
            let data: Vec<u8> = (0..S / 8).map(|_| random.next() as u8).collect();
            bench.block.tvalid.next = tvalid;
            bench.block.tlast.next = tlast;
            bench.block.tdata.next = from_bytes(&data);
            bench.block.line_ready.next = ready;
            bench.settle();
            let block = &bench.block;
            assert_eq!(block.valid_out.val(), !lines.is_empty());
            assert_eq!(block.empty.val(), lines.is_empty() && partial.is_empty());
            assert_eq!(block.tready.val(), !block.valid_out.val() || ready);
            if let (Some((line, last, ragged)), true) = (lines.front(), ready) {
                assert_eq!(
                    (&to_bytes(block.line_out.val()), block.last_out.val(), block.ragged_out.val()),
                    (line, *last, *ragged)
                );
                lines.pop_front();
                taken += 1;
            }
            if tvalid && block.tready.val() {
                held = [held[S / 8..].to_vec(), data.clone()].concat();
                partial.push(data);
                if tlast || partial.len() == beats {
                    lines.push_back((held.clone(), tlast, partial.len() < beats));
                    partial.clear();
                }
            }
            // A line never waits behind an idle register: full speed without stalls.
            if percent == 100 && beats == 1 && valid_before && ready {
                assert!(bench.block.valid_out.val());
            }
            valid_before = tvalid && ready;
            bench.clock();
        }
        assert!(taken > 400);
        bench.check();
    }

    #[test]
    fn lines_of_one_beat() {
        queue::<32, 32, 1>("stream_in_1");
        queue::<128, 128, 1>("stream_in_wide");
    }

    #[test]
    fn lines_of_more_beats() {
        queue::<64, 128, 1>("stream_in_2");
        queue::<8, 32, 2>("stream_in_4");
    }
}
