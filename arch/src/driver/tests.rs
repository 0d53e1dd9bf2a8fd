//! Batches against small machines: what is counted, when a batch ends, what is refused.

use super::*;

/// Accepts in every third cycle, gives back the beat one cycle later, and checks that no offer is taken back.
#[derive(Default)]
struct Slow {
    cycle: u64,
    held: Option<Inputs>,
    echo: Option<Inputs>,
    error: u8,
    seen: Inputs,
}

impl Boundary for Slow {
    fn stream_bytes(&self) -> usize {
        4
    }

    fn settle(&mut self, inputs: &Inputs) -> Outputs {
        self.seen = *inputs;
        let echo = self.echo.unwrap_or_default();
        Outputs {
            s_tready: self.cycle % 3 == 2,
            m_tvalid: self.echo.is_some(),
            m_tlast: echo.s_tlast,
            m_tdata: Data::new(&echo.s_tdata.padded()[..4]),
            error: self.error,
            idle: self.echo.is_none(),
        }
    }

    fn clock(&mut self) {
        if let Some(held) = self.held {
            assert!(self.seen.s_tvalid, "an offer was taken back");
            assert_eq!((held.s_tdata, held.s_tlast), (self.seen.s_tdata, self.seen.s_tlast), "an offer was changed");
        }
        let ready = self.cycle % 3 == 2;
        self.held = (self.seen.s_tvalid && !ready).then_some(self.seen);
        if self.seen.s_tvalid && ready {
            self.echo = Some(self.seen);
        } else if self.seen.m_tready {
            self.echo = None;
        }
        self.cycle += 1;
    }
}

#[test]
fn counts_cycles_beats_and_packets() {
    let input = Beats::packet(4, &[1, 2, 3, 4, 5, 6]);
    assert_eq!(input.len(), 2);
    let outcome = Driver::new(Slow::default()).run(&Batch::new(input.clone(), Expect::Packets(1), 100)).unwrap();
    // Accepted in cycles 2 and 5, given back in 3 and 6: seven cycles.
    assert_eq!((outcome.end, outcome.cycles, outcome.accepted), (End::Complete, 7, 2));
    assert_eq!(outcome.output, input);
    assert_eq!(outcome.output.packets().collect::<Vec<_>>(), [[1, 2, 3, 4, 5, 6, 0, 0]]);
    assert!(outcome.idle);
}

#[test]
fn a_batch_resumes_where_the_last_one_stopped() {
    let mut driver = Driver::new(Slow::default());
    let input = Beats::packet(4, &[1, 2, 3, 4]);
    let outcome = driver.run(&Batch::new(input.clone(), Expect::Beats(1), 1)).unwrap();
    assert_eq!((outcome.end, outcome.cycles, outcome.accepted), (End::MaxCycles, 1, 0));
    let refusal = driver.run(&Batch::wait(4, 10)).unwrap_err();
    assert_eq!(refusal, DriveError::Withdrawn { offered: Data::new(&[1, 2, 3, 4]) });
    assert!(refusal.to_string().contains("beat 0x04030201"), "{refusal}");
    // Offered again in spite of a stall in every cycle.
    let stalled = Batch { valid_stall: Stall { seed: 1, percent: 100 }, ..Batch::new(input, Expect::Beats(1), 10) };
    assert_eq!(driver.run(&stalled).unwrap().end, End::Complete);
}

#[test]
fn an_error_ends_the_batch_once_the_input_is_accepted() {
    let mut driver = Driver::new(Slow { error: 9, ..Slow::default() });
    let outcome = driver.run(&Batch::new(Beats::packet(4, &[1; 8]), Expect::Beats(50), 100)).unwrap();
    assert_eq!((outcome.end, outcome.cycles, outcome.accepted, outcome.error), (End::Error, 8, 2, 9));
}

#[test]
fn nothing_to_do_takes_no_cycles() {
    let outcome = Driver::new(Slow::default()).run(&Batch::new(Beats::new(4), Expect::Beats(0), 5)).unwrap();
    assert_eq!((outcome.end, outcome.cycles), (End::Complete, 0));
}

#[test]
fn refuses_a_batch_that_does_not_fit() {
    let mut driver = Driver::new(Slow::default());
    let wide = driver.run(&Batch::wait(8, 5)).unwrap_err();
    assert_eq!(wide, DriveError::Width { found: 8, expected: 4 });
    let input = Beats { beat_bytes: 4, data: vec![0; 5], last: vec![true] };
    let torn = driver.run(&Batch::new(input, Expect::Beats(1), 5)).unwrap_err();
    assert_eq!(torn, DriveError::Inconsistent { bytes: 5, beats: 1 });
}
