//! Random drains: what they read, which lines they complete, and that the FIFO never overflows.

use super::*;
use crate::cosim::{Random, Recorder};
use crumb_arch::{ActBits, Command, Op, Requantize};

/// Issues of a row in order: the first bank, and how many are read for the first time.
fn issues(banks: u8, requantize: Option<Requantize>, at_once: u8) -> Vec<(u8, u8)> {
    let Some(format) = requantize else {
        return (0..banks).flat_map(|bank| [(bank, 1), (bank, 0), (bank, 0), (bank, 0)]).collect();
    };
    let step = at_once.min(format.width.lanes() as u8);
    (0..banks).step_by(step.into()).map(|bank| (bank, step.min(banks - bank))).collect()
}

/// Random drains and responses against a FIFO that is emptied at random: lines, order, credits.
fn credits_never_overflow_the_fifo<const DB: usize>(name: &'static str) {
    let mut random = Random::new(3);
    let mut bench = Recorder::new(name, Drain::<DB>::default);
    let mut fifo = 0usize;
    for round in 0..60u64 {
        let requantize = (random.below(3) != 0).then(|| Requantize {
            parameters: DB as u16 * random.below(50) as u16,
            width: ActBits::ALL[random.below(3) as usize],
            exponent_adjust: -3,
            zero_point: -128,
            lo: -5,
            hi: 255,
        });
        let drain = crumb_arch::Drain {
            rows: 1 + random.below(12) as u16,
            accumulator: random.below(200) as u16,
            half: random.below(2) as u8,
            banks: 1 + random.below(4) as u8,
            requantize,
        };
        let words = Command::from(Op::Drain(drain)).encode();
        let (speed, wait) = ([3, 30, 100][(round % 3) as usize], random.below(6));
        let (mut lines, mut reads, mut pushing, mut cycle, mut lasts) = (0, 0, false, 0u64, 0);
        // What the packer will hold, and what the drain must read next.
        let row = issues(drain.banks, requantize, DB as u8);
        let mut expected = (0..drain.rows).flat_map(|r| row.iter().map(move |&(bank, reads)| (r, bank, reads)));
        let mut packed = (false, false);
        loop {
            let block = &mut bench.block;
            block.dispatch_drain.next = cycle == 0;
            block.word1.next = u64::from(words[1]).into();
            block.word2.next = u64::from(words[2]).into();
            block.word3.next = u64::from(words[3]).into();
            block.settled0.next = drain.half == 1 || cycle > wait;
            block.settled1.next = drain.half == 0 || cycle > wait;
            let pop = fifo > 0 && random.chance(speed);
            block.pop.next = pop;
            block.last_pushed.next = packed.0 && packed.1;
            bench.settle();
            let block = &bench.block;
            let token = if requantize.is_none() { block.token_first.val() } else { block.token_last.val() };
            let issued = block.reading.q.val() && block.credit.val();
            if issued {
                let (row, bank, read) = expected.next().expect("no more issues than the rows have");
                assert_eq!(block.address_out.val().to_u16(), drain.accumulator + row);
                assert_eq!(block.bank_out.val().to_u8(), bank);
                assert_eq!(block.entry_out.val().to_u16(), requantize.map_or(0, |r| r.parameters) + u16::from(bank));
                assert_eq!(block.drain_reads.val().to_u8(), read, "{drain:?}, bank {bank}");
                assert!(cycle > wait, "read before the half was settled");
            }
            reads += block.drain_reads.val().to_u64();
            if packed.0 {
                assert!(fifo < FIFO_LINES, "the FIFO overflows");
                fifo += 1;
            }
            fifo -= usize::from(pop);
            packed = (token.valid && token.emit, token.last);
            lines += usize::from(packed.0);
            lasts += usize::from(packed.0 && packed.1);
            pushing |= packed.0 && packed.1;
            let finished = pushing && cycle > 0 && !block.valid_out.val();
            bench.clock();
            cycle += 1;
            assert!(cycle < 20_000, "the drain hangs");
            if finished {
                break;
            }
        }
        assert_eq!(expected.next(), None);
        assert_eq!((lines, lasts), (drain.output_lines(), 1));
        assert_eq!(reads, u64::from(drain.rows) * u64::from(drain.banks));
        // Credits and lines in the FIFO are all there is.
        assert_eq!(bench.block.credits.q.val().to_u8() as usize + fifo, FIFO_LINES);
    }
    bench.check();
}

#[test]
fn a_drain_of_one_bank_at_a_time() {
    credits_never_overflow_the_fifo::<1>("drain");
}

#[test]
fn a_drain_of_a_line_at_a_time() {
    credits_never_overflow_the_fifo::<4>("drain4");
}
