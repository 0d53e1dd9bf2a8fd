//! Tile queue: up to 16 tiles between the decoder and the sequencer, so that the decoder may go on to the loads behind them.
//!
//! ```text
//!  push, word1..3 --> write \                / read --> word1..3 --> sequencer
//!                      count = tiles inside (0 .. 16)
//! ```
//!
//! Latency: a tile pushed in cycle t may be given in cycle t + 1. Invariant: pushed only when ready.

use crate::distributed_ram::DistributedRam;
use crumb_arch::timing::TILE_QUEUE;
use rust_hdl::prelude::*;

/// The queue; tiles are header words as they came, each with the pattern of its time.
#[derive(LogicBlock)]
pub struct TileQueue {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// From the decoder: a tile comes.
    pub push: Signal<In, Bit>,
    /// Its header word 1.
    pub word1_in: Signal<In, Bits<32>>,
    /// Its header word 2.
    pub word2_in: Signal<In, Bits<32>>,
    /// Its header word 3.
    pub word3_in: Signal<In, Bits<32>>,
    /// {jump: 16, columns: 16}.
    pub pattern_in: Signal<In, Bits<32>>,
    /// Lines from vector to vector.
    pub stride_in: Signal<In, Bits<8>>,
    /// There is room for a tile.
    pub ready: Signal<Out, Bit>,
    /// From the sequencer: it can take one.
    pub loader_ready: Signal<In, Bit>,
    /// To the sequencer: the oldest tile goes there.
    pub give: Signal<Out, Bit>,
    /// Its header word 1.
    pub word1_out: Signal<Out, Bits<32>>,
    /// Its header word 2.
    pub word2_out: Signal<Out, Bits<32>>,
    /// Its header word 3.
    pub word3_out: Signal<Out, Bits<32>>,
    /// Its pattern.
    pub pattern_out: Signal<Out, Bits<32>>,
    /// Its pattern.
    pub stride_out: Signal<Out, Bits<8>>,
    word1: DistributedRam<32, 4>,
    word2: DistributedRam<32, 4>,
    word3: DistributedRam<32, 4>,
    pattern: DistributedRam<32, 4>,
    stride: DistributedRam<8, 4>,
    write: DFF<Bits<4>>,
    read: DFF<Bits<4>>,
    count: DFF<Bits<5>>,
    pop: Signal<Local, Bit>,
    full: Constant<Bits<5>>,
}

impl Default for TileQueue {
    fn default() -> Self {
        Self {
            clock: Default::default(),
            push: Default::default(),
            word1_in: Default::default(),
            word2_in: Default::default(),
            word3_in: Default::default(),
            pattern_in: Default::default(),
            stride_in: Default::default(),
            ready: Default::default(),
            loader_ready: Default::default(),
            give: Default::default(),
            word1_out: Default::default(),
            word2_out: Default::default(),
            word3_out: Default::default(),
            pattern_out: Default::default(),
            stride_out: Default::default(),
            word1: Default::default(),
            word2: Default::default(),
            word3: Default::default(),
            pattern: Default::default(),
            stride: Default::default(),
            write: Default::default(),
            read: Default::default(),
            count: Default::default(),
            pop: Default::default(),
            full: Constant::new((TILE_QUEUE as u64).into()),
        }
    }
}

impl Logic for TileQueue {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, write, read, count);
        clock!(self, clock, word1, word2, word3, pattern, stride);
        self.word1.write_enable.next = self.push.val();
        self.word2.write_enable.next = self.push.val();
        self.word3.write_enable.next = self.push.val();
        self.pattern.write_enable.next = self.push.val();
        self.stride.write_enable.next = self.push.val();
        self.word1.write_address.next = self.write.q.val();
        self.word2.write_address.next = self.write.q.val();
        self.word3.write_address.next = self.write.q.val();
        self.pattern.write_address.next = self.write.q.val();
        self.stride.write_address.next = self.write.q.val();
        self.word1.write_data.next = self.word1_in.val();
        self.word2.write_data.next = self.word2_in.val();
        self.word3.write_data.next = self.word3_in.val();
        self.pattern.write_data.next = self.pattern_in.val();
        self.stride.write_data.next = self.stride_in.val();
        self.word1.read_address.next = self.read.q.val();
        self.word2.read_address.next = self.read.q.val();
        self.word3.read_address.next = self.read.q.val();
        self.pattern.read_address.next = self.read.q.val();
        self.stride.read_address.next = self.read.q.val();
        self.word1_out.next = self.word1.read_data.val();
        self.word2_out.next = self.word2.read_data.val();
        self.word3_out.next = self.word3.read_data.val();
        self.pattern_out.next = self.pattern.read_data.val();
        self.stride_out.next = self.stride.read_data.val();

        self.ready.next = self.count.q.val() != self.full.val();
        self.pop.next = self.count.q.val().any() & self.loader_ready.val();
        self.give.next = self.pop.val();
        if self.push.val() {
            self.write.d.next = self.write.q.val() + 1;
        }
        if self.pop.val() {
            self.read.d.next = self.read.q.val() + 1;
        }
        if self.push.val() & !self.pop.val() {
            self.count.d.next = self.count.q.val() + 1;
        }
        if self.pop.val() & !self.push.val() {
            self.count.d.next = self.count.q.val() - 1;
        }
    }
}

crate::clocked!([] TileQueue);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cosim::{Random, Recorder};
    use std::collections::VecDeque;

    #[test]
    fn tiles_leave_in_the_order_in_which_they_came() {
        let mut random = Random::new(21);
        let mut bench = Recorder::new("tile_queue", TileQueue::default);
        let mut queue: VecDeque<[u64; 5]> = VecDeque::new();
        let mut fullest = 0;
        for cycle in 0..3000 {
            let percent = [80, 50, 20][cycle / 100 % 3];
            let (taken, push) = (random.chance(100 - percent), queue.len() < TILE_QUEUE && random.chance(percent));
            let words: [u64; 5] = std::array::from_fn(|i| random.next() & if i == 4 { 0xFF } else { 0xFFFF_FFFF });
            let block = &mut bench.block;
            block.push.next = push;
            block.loader_ready.next = taken;
            let signals = [&mut block.word1_in, &mut block.word2_in, &mut block.word3_in, &mut block.pattern_in];
            signals.into_iter().zip(words).for_each(|(signal, word)| signal.next = word.into());
            block.stride_in.next = words[4].into();
            bench.settle();
            let block = &bench.block;
            assert_eq!((block.ready.val(), block.give.val()), (queue.len() < TILE_QUEUE, taken && !queue.is_empty()));
            if let Some(front) = queue.front() {
                let found = [&block.word1_out, &block.word2_out, &block.word3_out, &block.pattern_out];
                assert_eq!(found.map(|word| word.val().to_u64()), front[..4]);
                assert_eq!(block.stride_out.val().to_u64(), front[4]);
            }
            if taken {
                queue.pop_front();
            }
            if push {
                queue.push_back(words);
            }
            fullest = fullest.max(queue.len());
            bench.clock();
        }
        assert_eq!(fullest, TILE_QUEUE, "the test fills the queue");
        bench.check();
    }
}
