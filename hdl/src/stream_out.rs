//! Stream out: scatters lines into the beats of an AXI4-Stream.
//!
//! ```text
//!  cycle      0     1     2     3            N = 2, tready always 1
//!  available  --1--------1
//!  pop        --1         --1
//!  tdata           <b0>  <b1>  <b0>          lowest beat first
//! ```
//!
//! Latency: one cycle from `pop` to the first beat. Invariant: `tvalid`, `tlast` and `tdata` depend on registers alone and hold until
//! `tready`; the next line is popped in the cycle in which the last beat goes, so lines follow each other without a bubble.

use crate::stream_in::check_beats;
use rust_hdl::prelude::*;

/// `S` stream bits, `L` line bits, `N = L/S` beats counted in `B = max(1, ceil(log2 N))` bits.
#[derive(LogicBlock)]
pub struct StreamOut<const S: usize, const L: usize, const B: usize> {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// AXI4-Stream.
    pub tvalid: Signal<Out, Bit>,
    /// AXI4-Stream: final beat of a packet.
    pub tlast: Signal<Out, Bit>,
    /// AXI4-Stream.
    pub tdata: Signal<Out, Bits<S>>,
    /// AXI4-Stream.
    pub tready: Signal<In, Bit>,
    /// The FIFO is not empty.
    pub available: Signal<In, Bit>,
    /// Its oldest line.
    pub line_in: Signal<In, Bits<L>>,
    /// That line ends a packet.
    pub last_in: Signal<In, Bit>,
    /// The line is taken.
    pub pop: Signal<Out, Bit>,
    /// No line is here.
    pub empty: Signal<Out, Bit>,
    line: DFF<Bits<L>>,
    last: DFF<Bit>,
    valid: DFF<Bit>,
    beat: DFF<Bits<B>>,
    final_beat: Signal<Local, Bit>,
    free: Signal<Local, Bit>,
    take: Signal<Local, Bit>,
    last_beat: Constant<Bits<B>>,
    beat_bits: Constant<Bits<10>>,
}

impl<const S: usize, const L: usize, const B: usize> Default for StreamOut<S, L, B> {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            tvalid: Default::default(),
            tlast: Default::default(),
            tdata: Default::default(),
            tready: Default::default(),
            available: Default::default(),
            line_in: Default::default(),
            last_in: Default::default(),
            pop: Default::default(),
            empty: Default::default(),
            line: Default::default(),
            last: Default::default(),
            valid: Default::default(),
            beat: Default::default(),
            final_beat: Default::default(),
            free: Default::default(),
            take: Default::default(),
            last_beat: Constant::new(check_beats(S, L, B).into()),
            beat_bits: Constant::new((S as u64).into()),
        }
    }
}

impl<const S: usize, const L: usize, const B: usize> Logic for StreamOut<S, L, B> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, line, last, valid, beat);
        self.final_beat.next = self.beat.q.val() == self.last_beat.val();
        self.free.next = !self.valid.q.val() | (self.tready.val() & self.final_beat.val());
        self.take.next = self.free.val() & self.available.val();
        self.pop.next = self.take.val();
        if self.take.val() {
            self.line.d.next = self.line_in.val();
            self.last.d.next = self.last_in.val();
            self.valid.d.next = true;
            self.beat.d.next = 0.into();
        } else if self.free.val() {
            self.valid.d.next = false;
        } else if self.tready.val() {
            self.line.d.next = self.line.q.val() >> self.beat_bits.val();
            self.beat.d.next = self.beat.q.val() + 1;
        }
        self.tvalid.next = self.valid.q.val();
        self.tlast.next = self.last.q.val() & self.final_beat.val();
        self.tdata.next = bit_cast::<S, L>(self.line.q.val());
        self.empty.next = !self.valid.q.val();
    }
}

crate::clocked!([const S: usize, const L: usize, const B: usize] StreamOut<S, L, B>);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::{from_bytes, to_bytes};
    use crate::cosim::{Random, Recorder};
    use std::collections::VecDeque;

    /// Random lines and random stalls, against a queue of beats; an offered beat must hold until it is taken.
    fn queue<const S: usize, const L: usize, const B: usize>(name: &'static str) {
        let mut random = Random::new(S as u64 * L as u64);
        let mut bench = Recorder::new(name, StreamOut::<S, L, B>::default);
        let mut beats: VecDeque<(Vec<u8>, bool)> = VecDeque::new();
        let mut sent = 0;
        for cycle in 0..4000 {
            let percent = [100, 60, 20][cycle / 1000 % 3];
            let (available, last, tready) = (random.chance(percent), random.chance(30), random.chance(120 - percent));
            let line: Vec<u8> = (0..L / 8).map(|_| random.next() as u8).collect();
            bench.block.available.next = available;
            bench.block.last_in.next = last;
            bench.block.line_in.next = from_bytes(&line);
            bench.block.tready.next = tready;
            bench.settle();
            let block = &bench.block;
            assert_eq!((block.tvalid.val(), block.empty.val()), (!beats.is_empty(), beats.is_empty()));
            assert_eq!(block.pop.val(), available && (beats.is_empty() || (beats.len() == 1 && tready)));
            if let Some((data, last)) = beats.front() {
                assert_eq!((&to_bytes(block.tdata.val()), block.tlast.val()), (data, *last));
                if tready {
                    beats.pop_front();
                    sent += 1;
                }
            }
            if block.pop.val() {
                let count = L / S;
                beats.extend(line.chunks(S / 8).enumerate().map(|(i, beat)| (beat.to_vec(), last && i + 1 == count)));
            }
            bench.clock();
        }
        assert!(sent > 800);
        bench.check();
    }

    #[test]
    fn lines_of_one_beat() {
        queue::<32, 32, 1>("stream_out_1");
        queue::<128, 128, 1>("stream_out_wide");
    }

    #[test]
    fn lines_of_more_beats() {
        queue::<64, 128, 1>("stream_out_2");
        queue::<8, 32, 2>("stream_out_4");
    }
}
