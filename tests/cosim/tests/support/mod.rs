//! What the tests of the co-simulation share.
#![allow(dead_code, reason = "each test uses some of it")]

use std::collections::VecDeque;

use crumb_cosim::boundary::{Boundary, Data, Inputs, Outputs};
use crumb_cosim::driver::Beats;

/// The circuit of `fixtures/loopback.v`, written as a queue.
pub struct Queue {
    stream_bytes: usize,
    beats: VecDeque<(Data, bool)>,
    error: u8,
    inputs: Inputs,
}

impl Queue {
    const DEPTH: usize = 16;

    pub fn new(stream_bytes: usize) -> Self {
        Self { stream_bytes, beats: VecDeque::new(), error: 0, inputs: Inputs::default() }
    }

    fn ready(&self) -> bool {
        self.beats.len() < Self::DEPTH || self.inputs.m_tready
    }
}

impl Boundary for Queue {
    fn stream_bytes(&self) -> usize {
        self.stream_bytes
    }

    fn settle(&mut self, inputs: &Inputs) -> Outputs {
        self.inputs = *inputs;
        let front = self.beats.front().copied();
        let (m_tdata, m_tlast) = front.unwrap_or((Data::zeros(self.stream_bytes), false));
        Outputs { s_tready: self.ready(), m_tvalid: front.is_some(), m_tlast, m_tdata, error: self.error, idle: front.is_none() }
    }

    fn clock(&mut self) {
        let accepted = self.inputs.s_tvalid && self.ready();
        if self.inputs.m_tready {
            self.beats.pop_front();
        }
        if accepted && self.inputs.s_tdata.as_bytes().iter().all(|byte| *byte == 0xff) {
            self.error = 5;
        } else if accepted {
            self.beats.push_back((self.inputs.s_tdata, self.inputs.s_tlast));
        }
    }
}

/// Two machines in the same place: every output is compared in every settlement.
pub struct Pair<A, B> {
    pub a: A,
    pub b: B,
    pub cycles: u64,
}

impl<A: Boundary, B: Boundary> Boundary for Pair<A, B> {
    fn stream_bytes(&self) -> usize {
        assert_eq!(self.a.stream_bytes(), self.b.stream_bytes());
        self.a.stream_bytes()
    }

    fn settle(&mut self, inputs: &Inputs) -> Outputs {
        let (a, b) = (self.a.settle(inputs), self.b.settle(inputs));
        // Data and last mean something only while they are offered.
        let meant = |outputs: Outputs| match outputs.m_tvalid {
            true => outputs,
            false => Outputs { m_tdata: Data::zeros(0), m_tlast: false, ..outputs },
        };
        assert_eq!(meant(a), meant(b), "in cycle {} with {inputs:?}", self.cycles);
        a
    }

    fn clock(&mut self) {
        self.a.clock();
        self.b.clock();
        self.cycles += 1;
    }
}

/// The same pseudo-random beats for the same seed; about one in eight is the last of its packet.
pub fn random_beats(stream_bytes: usize, count: usize, seed: u64) -> Beats {
    let mut beats = Beats::new(stream_bytes);
    let mut state = seed;
    let mut next = move || {
        // Knuth's multiplier for a 64-bit linear congruential generator; its upper bits are random enough.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as u8
    };
    for _ in 0..count {
        let data: Vec<u8> = (0..stream_bytes).map(|_| next()).collect();
        beats.push(&data, next() < 32);
    }
    beats
}
