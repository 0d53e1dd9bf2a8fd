//! Counters: the 48-bit performance counters of `crumb_arch::counters`, in their order.
//!
//! ```text
//!  wires of decoder, sequencer, drain, streams --> one of eight classes, event strobes --> count[i] += 0, 1, 2, 4, 8, 16
//!  index --> word: low 32 bits, high 16 bits of counter index/2
//! ```
//!
//! Latency: an event of cycle t is counted in t + 1; `word` is combinational. Invariant: every cycle is in exactly one of the eight
//! classes, so they add up to `cycles`; the counters hold while they are read, so a reading is of one moment.

use crumb_arch::counters::COUNT;
use rust_hdl::prelude::*;

/// The counters.
#[derive(LogicBlock, Default)]
pub struct Counters {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// They are being read: hold.
    pub freeze: Signal<In, Bit>,
    /// Set all to zero; wins.
    pub clear: Signal<In, Bit>,
    /// Half counter to send: counter `index / 2`, high half if odd.
    pub index: Signal<In, Bits<7>>,
    /// That half.
    pub word: Signal<Out, Bits<32>>,

    /// A tile streams.
    pub stream_valid: Signal<In, Bit>,
    /// A tile loads.
    pub load_valid: Signal<In, Bit>,
    /// A Compute or Drain waits for a drain.
    pub waits_for_drain: Signal<In, Bit>,
    /// The output FIFO has room.
    pub credit: Signal<In, Bit>,
    /// Activations are awaited or arrive.
    pub loads_activations: Signal<In, Bit>,
    /// Weights are awaited or arrive.
    pub loads_weights: Signal<In, Bit>,
    /// Parameters are awaited or arrive.
    pub loads_parameters: Signal<In, Bit>,
    /// A drain is given.
    pub drain_valid: Signal<In, Bit>,
    /// It reads, or has read.
    pub drain_started: Signal<In, Bit>,
    /// The decoder is between commands.
    pub resting: Signal<In, Bit>,
    /// No tile of half 0 is pending.
    pub settled0: Signal<In, Bit>,
    /// No tile of half 1 is pending.
    pub settled1: Signal<In, Bit>,

    /// Activation width of the tile that streams.
    pub a_code: Signal<In, Bits<2>>,
    /// Its weight width.
    pub w_code: Signal<In, Bits<2>>,
    /// It adds to the accumulators.
    pub accumulate: Signal<In, Bit>,
    /// A tile starts.
    pub start: Signal<In, Bit>,
    /// A weight word is read.
    pub weight_read: Signal<In, Bit>,
    /// A line goes to the weight memory.
    pub weight_write: Signal<In, Bit>,
    /// A line goes to the activation buffer.
    pub activation_write: Signal<In, Bit>,
    /// A line goes to the parameter memory.
    pub parameter_write: Signal<In, Bit>,
    /// Which line of a word or entry it is.
    pub write_line: Signal<In, Bits<3>>,
    /// Bank rows that the drain reads.
    pub drain_reads: Signal<In, Bits<3>>,
    /// A line is taken from the input stream.
    pub take: Signal<In, Bit>,
    /// A line of results goes to the output FIFO.
    pub result_line: Signal<In, Bit>,
    /// Lines wait for the output stream.
    pub waiting: Signal<In, Bit>,

    count: [DFF<Bits<48>>; COUNT],
    amount: [Signal<Local, Bits<5>>; COUNT],
    narrow: Signal<Local, Bits<5>>,
    wide: Signal<Local, Bits<48>>,
    lanes: Signal<Local, Bits<5>>,
    chosen: Signal<Local, Bits<48>>,
    half: [Signal<Local, Bits<48>>; COUNT],
}

impl Logic for Counters {
    #[hdl_gen]
    fn update(&mut self) {
        for i in 0..COUNT {
            self.amount[i].next = 0.into();
        }
        // Indices are those of `crumb_arch::Counter`; a test holds them together.
        self.amount[0].next = 1.into();
        if self.stream_valid.val() {
            self.amount[1].next = 1.into();
        } else if self.load_valid.val() {
            self.amount[2].next = 1.into();
        } else if self.waits_for_drain.val() {
            if self.credit.val() {
                self.amount[5].next = 1.into();
            } else {
                self.amount[6].next = 1.into();
            }
        } else if self.loads_activations.val() {
            self.amount[3].next = 1.into();
        } else if self.loads_weights.val() {
            self.amount[2].next = 1.into();
        } else if self.loads_parameters.val() {
            self.amount[4].next = 1.into();
        } else if self.drain_valid.val() & self.drain_started.val() {
            if self.credit.val() {
                self.amount[5].next = 1.into();
            } else {
                self.amount[6].next = 1.into();
            }
        } else if !self.resting.val() | !self.settled0.val() | !self.settled1.val() | self.drain_valid.val() {
            self.amount[7].next = 1.into();
        } else if self.waiting.val() {
            self.amount[6].next = 1.into();
        } else {
            self.amount[8].next = 1.into();
        }

        self.lanes.next = 1.into();
        if self.w_code.val() == 1 {
            self.lanes.next = 2.into();
        }
        if self.w_code.val() == 2 {
            self.lanes.next = 4.into();
        }
        if self.stream_valid.val() {
            // 64/(A*W) = 8/A * 8/W
            self.amount[9].next = self.lanes.val();
            if self.a_code.val() == 1 {
                self.amount[9].next = self.lanes.val() << 1;
            }
            if self.a_code.val() == 2 {
                self.amount[9].next = self.lanes.val() << 2;
            }
            self.amount[16].next = self.lanes.val();
            if self.accumulate.val() {
                self.amount[15].next = self.lanes.val();
            }
        }
        if self.start.val() {
            self.amount[10].next = 1.into();
        }
        if self.weight_read.val() {
            self.amount[11].next = 1.into();
        }
        if self.weight_write.val() & (self.write_line.val() == 3) {
            self.amount[12].next = 1.into();
        }
        if self.activation_write.val() {
            self.amount[13].next = 1.into();
        }
        if self.parameter_write.val() & self.write_line.val().all() {
            self.amount[14].next = 1.into();
        }
        self.amount[17].next = bit_cast::<5, 3>(self.drain_reads.val());
        if self.take.val() {
            self.amount[18].next = 1.into();
        }
        if self.result_line.val() {
            self.amount[19].next = 1.into();
        }

        self.word.next = 0.into();
        self.chosen.next = 0.into();
        for i in 0..COUNT {
            self.count[i].clock.next = self.clock.val();
            self.count[i].d.next = self.count[i].q.val();
            self.narrow.next = self.amount[i].val();
            self.wide.next = bit_cast::<48, 5>(self.narrow.val());
            if !self.freeze.val() & self.narrow.val().any() {
                self.count[i].d.next = self.count[i].q.val() + self.wide.val();
            }
            if self.clear.val() {
                self.count[i].d.next = 0.into();
            }
            // AND, then OR: a chain of multiplexers over all counters would be long.
            if self.freeze.val() {
                self.half[i].next = 0.into();
                if self.index.val().get_bits::<6>(1) == i.to_bits::<6>() {
                    self.half[i].next = self.count[i].q.val();
                }
                self.chosen.next = self.chosen.val() | self.half[i].val();
            } else {
                self.half[i].next = 0.into();
            }
        }
        if self.freeze.val() {
            self.word.next = bit_cast::<32, 48>(self.chosen.val());
            if self.index.val().get_bit(0) {
                self.word.next = bit_cast::<32, 16>(self.chosen.val().get_bits::<16>(32));
            }
        }
    }
}

crate::clocked!([] Counters);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cosim::{Random, Recorder};
    use crumb_arch::Counter as C;

    /// Random wires against the definition, with clears and readings.
    #[test]
    fn every_cycle_has_one_class_and_every_event_its_amount() {
        let mut random = Random::new(23);
        let mut bench = Recorder::new("counters", Counters::default);
        let mut counts = [0u64; COUNT];
        let mut seen = [false; COUNT];
        for cycle in 0..6000u64 {
            let freeze = cycle % 500 > 440;
            let clear = !freeze && cycle % 700 == 650;
            let rare = [5, 30, 80][(cycle / 40 % 3) as usize];
            let mut wire = || random.chance(rare);
            let [stream, load, waits, credit, acts, weights, params, drain, started] = std::array::from_fn(|_| wire());
            let [accumulate, start, read, weight_write, activation_write, parameter_write, drains, take, result, waiting] =
                std::array::from_fn(|_| wire());
            let (rest, settled0, settled1) = (!wire(), !wire(), !wire());
            let (a, w, line) = (random.below(3), random.below(4), random.below(8));
            let drain_reads = if drains { 1 + random.below(4) } else { 0 };
            let index = cycle % 40;
            let b = &mut bench.block;
            (b.freeze.next, b.clear.next, b.index.next) = (freeze, clear, index.into());
            (b.stream_valid.next, b.load_valid.next, b.waits_for_drain.next, b.credit.next) = (stream, load, waits, credit);
            (b.loads_activations.next, b.loads_weights.next, b.loads_parameters.next) = (acts, weights, params);
            (b.drain_valid.next, b.drain_started.next, b.resting.next) = (drain, started, rest);
            (b.settled0.next, b.settled1.next) = (settled0, settled1);
            (b.a_code.next, b.w_code.next, b.accumulate.next) = (a.into(), w.into(), accumulate);
            (b.start.next, b.weight_read.next, b.weight_write.next) = (start, read, weight_write);
            (b.activation_write.next, b.parameter_write.next, b.write_line.next) =
                (activation_write, parameter_write, line.into());
            (b.drain_reads.next, b.take.next) = (drain_reads.into(), take);
            (b.result_line.next, b.waiting.next) = (result, waiting);
            bench.settle();
            if freeze {
                let count = counts[index as usize / 2];
                let word = if index % 2 == 0 { count as u32 } else { (count >> 32) as u32 };
                assert_eq!(bench.block.word.val().to_u32(), word, "word {index}");
            }
            bench.clock();
            if freeze {
                continue;
            }
            let output = if credit { C::StallAccumulators } else { C::StallOutput };
            let class = [
                (stream, C::Busy),
                (load, C::StallWeights),
                (waits, output),
                (acts, C::StallActivations),
                (weights, C::StallWeights),
                (params, C::StallParameters),
                (drain && started, output),
                (!rest || !settled0 || !settled1 || drain, C::StallCommands),
                (waiting, C::StallOutput),
                (true, C::Idle),
            ]
            .into_iter()
            .find_map(|(holds, class)| holds.then_some(class))
            .unwrap();
            let lanes = [1, 2, 4, 1][w as usize];
            let events = [
                (C::Cycles, 1),
                (class, 1),
                (C::MacSlots, (u64::from(stream) * lanes) << a),
                (C::Tiles, start.into()),
                (C::WeightWordsRead, read.into()),
                (C::WeightWordsWritten, u64::from(weight_write && line == 3)),
                (C::ActivationLinesWritten, activation_write.into()),
                (C::ParametersWritten, u64::from(parameter_write && line == 7)),
                (C::AccumulatorReads, u64::from(stream && accumulate) * lanes),
                (C::AccumulatorWrites, u64::from(stream) * lanes),
                (C::DrainReads, drain_reads),
                (C::LinesIn, take.into()),
                (C::LinesOut, result.into()),
            ];
            for (counter, amount) in events {
                counts[counter as usize] += amount;
                seen[counter as usize] |= amount > 0;
            }
            assert_eq!(crumb_arch::Counters(counts).accounted_cycles(), counts[0]);
            if clear {
                counts = [0; COUNT];
            }
            for (i, count) in counts.iter().enumerate() {
                assert_eq!(bench.block.count[i].q.val().to_u64(), *count, "{} in cycle {cycle}", C::ALL[i].name());
            }
        }
        assert_eq!(seen, [true; COUNT], "every counter counted");
        bench.check();
    }

    /// A count beyond 32 bits is read in two halves, and the last one wraps.
    #[test]
    fn counters_have_48_bits() {
        let mut bench = Recorder::new("counters", Counters::default);
        let full = (1u64 << 48) - 1;
        for (i, count) in bench.block.count.iter_mut().enumerate() {
            count.q.next = if i == 0 { full } else { 0x1234_0000_0000 + i as u64 }.into();
        }
        let read = |bench: &mut Recorder<Counters>, index: usize| {
            bench.block.freeze.next = true;
            bench.block.index.next = (index as u64).into();
            bench.settle();
            bench.block.word.val().to_u32()
        };
        for i in 1..COUNT {
            assert_eq!((read(&mut bench, 2 * i), read(&mut bench, 2 * i + 1)), (i as u32, 0x1234), "{}", C::ALL[i].name());
        }
        assert_eq!((read(&mut bench, 0), read(&mut bench, 1)), (u32::MAX, 0xFFFF));
        bench.block.freeze.next = false;
        bench.settle();
        bench.clock();
        assert_eq!((read(&mut bench, 0), read(&mut bench, 1)), (0, 0), "cycles wraps");
        let (before, mut after) = (crumb_arch::Counters([full; COUNT]), crumb_arch::Counters([full; COUNT]));
        after.0[0] = 2;
        assert_eq!((after - before)[C::Cycles], 3);
    }
}
