//! Every register of the RTL and of the simulator, by name, in every cycle.

use crumb::backend::{Backend, BackendError};
use crumb::session::{Session, SessionError};
use crumb::verify::cases;
use crumb_arch::boundary::{Boundary, Inputs, Outputs};
use crumb_arch::driver::{Batch, Beats, Driver, End, Expect, Outcome};
use crumb_arch::lanes::header_lines;
use crumb_arch::stall::Stall;
use crumb_arch::{ActBits, ArrayConfig, Command, Drain, Op, Register, Requantize, Rounding, Tile, WeightBits, WeightFormat};
use crumb_hdl::RtlMachine;
use crumb_sim::Machine;
use crumb_tests::program::random;
use std::collections::BTreeMap;

/// Both machines side by side; every register is compared in every cycle.
struct Lockstep {
    sim: Machine,
    rtl: RtlMachine,
    compared: usize,
}

fn by_path(registers: Vec<Register>) -> BTreeMap<String, (u32, u64)> {
    registers.into_iter().map(|r| (r.path, (r.width, r.value))).collect()
}

impl Boundary for Lockstep {
    fn stream_bytes(&self) -> usize {
        self.sim.stream_bytes()
    }

    fn settle(&mut self, inputs: &Inputs) -> Outputs {
        let (sim, rtl) = (self.sim.settle(inputs), self.rtl.settle(inputs));
        assert_eq!(sim, rtl, "boundary, cycle {}", self.sim.cycle());
        let (sim_registers, rtl_registers) = (by_path(self.sim.registers()), by_path(self.rtl.registers()));
        if sim_registers != rtl_registers {
            let differing = sim_registers.iter().find(|(path, value)| rtl_registers.get(*path) != Some(value));
            let missing: Vec<&String> = rtl_registers.keys().filter(|path| !sim_registers.contains_key(*path)).take(20).collect();
            let (path, value) = differing.unzip();
            let other = path.and_then(|p| rtl_registers.get(p));
            panic!("cycle {}: {path:?} is {value:x?} in sim and {other:x?} in RTL; only in RTL: {missing:?}", self.sim.cycle());
        }
        self.compared += sim_registers.len();
        sim
    }

    fn clock(&mut self) {
        self.sim.clock();
        Boundary::clock(&mut self.rtl);
    }
}

struct LockstepBackend(Driver<Lockstep>, ArrayConfig);

impl Backend for LockstepBackend {
    fn name(&self) -> &'static str {
        "lockstep"
    }

    fn config(&self) -> &ArrayConfig {
        &self.1
    }

    fn run(&mut self, batch: &Batch) -> Result<Outcome, BackendError> {
        let outcome = self.0.run(batch)?;
        let compared = self.0.boundary_mut().compared;
        assert!(compared > 0, "nothing was compared");
        Ok(outcome)
    }
}

fn lockstep(rtl: RtlMachine, count: usize) {
    let config = rtl.config().clone();
    let both = Lockstep { sim: Machine::new(&config).unwrap(), rtl, compared: 0 };
    let backend = LockstepBackend(Driver::new(both), config.clone());
    let stall = |seed| Stall { seed, percent: 15 };
    let mut session = Session::new(Box::new(backend)).with_stalls(stall(3), stall(4));
    for case in cases(&config, 1, 7).iter().take(count) {
        case.check(&mut session).unwrap();
    }
    // Random bytes as commands, and the way back.
    let noise: Vec<u8> = (0..100).map(|i| (i * 89 + 7) as u8).collect();
    assert!(matches!(session.send_raw(&noise, 0).and_then(|()| session.finish()), Ok(()) | Err(SessionError::Machine(_))));
    assert!(session.clear_error().unwrap().is_some());
}

/// Random programs: tiles, drains, loads and bad packets in any order.
fn programs(rtl: RtlMachine, lengths: &[usize]) {
    let config = rtl.config().clone();
    let both = Lockstep { sim: Machine::new(&config).unwrap(), rtl, compared: 0 };
    let mut backend = LockstepBackend(Driver::new(both), config.clone());
    for (seed, &length) in lengths.iter().enumerate() {
        let batch = random(&config, seed as u64, length).batch((20, 40), seed as u64);
        assert_eq!(backend.run(&batch).unwrap().end, End::Complete);
    }
}

#[test]
fn tiny_under_random_programs() {
    programs(RtlMachine::open("tiny").unwrap(), &[30, 50]);
}

#[test]
fn medium_under_a_random_program() {
    programs(RtlMachine::open("medium").unwrap(), &[4]);
}

#[test]
fn tiny_in_every_mode() {
    lockstep(RtlMachine::open("tiny").unwrap(), 15);
}

#[test]
fn medium_with_two_beats_a_line() {
    lockstep(RtlMachine::open("medium").unwrap(), 2);
}

#[test]
fn a_weight_bus_of_two_words_in_every_mode() {
    lockstep(RtlMachine::tiny_bus2().unwrap(), 15);
}

#[test]
fn a_weight_bus_of_two_words_under_random_programs() {
    programs(RtlMachine::tiny_bus2().unwrap(), &[30, 50]);
}

#[test]
fn wide_in_some_modes() {
    lockstep(RtlMachine::open("wide").unwrap(), 6);
}

#[test]
fn wide_under_random_programs() {
    programs(RtlMachine::open("wide").unwrap(), &[20]);
}

/// Raw rows and every output width, of one to four banks: what a drain reads at once, and what shares a line.
fn drains(name: &str) {
    let config = ArrayConfig::named(name).unwrap();
    let both = Lockstep { sim: Machine::new(&config).unwrap(), rtl: RtlMachine::open(name).unwrap(), compared: 0 };
    let mut backend = LockstepBackend(Driver::new(both), config.clone());
    let mut input = Beats::new(config.stream_bits / 8);
    let mut byte = 1u8;
    let mut send = |op: Op| {
        let command = Command::from(op);
        let mut bytes = Vec::new();
        header_lines(&command.encode(), &config, &mut bytes);
        bytes.extend((0..command.payload_lines(&config) * config.line_bytes()).map(|_| {
            byte = byte.wrapping_mul(77).wrapping_add(45);
            byte
        }));
        input.append(&Beats::packet(config.stream_bits / 8, &bytes));
    };
    send(Op::LoadActivations { base: 0, count: 3 });
    send(Op::LoadWeights { base: 0, count: 8 });
    send(Op::LoadParameters { base: 0, count: 8 });
    let weight = WeightFormat::top(WeightBits::W2, Rounding::Floor);
    send(Op::Compute(Tile { rows: 3, k_words: 2, weight, ..Tile::ONE }));
    for banks in 1..=4 {
        for width in [None, Some(ActBits::A8), Some(ActBits::A4), Some(ActBits::A2)] {
            let format = |width| Requantize { parameters: 4, width, exponent_adjust: 0, zero_point: 0, lo: -128, hi: 255 };
            send(Op::Drain(Drain { rows: 3, accumulator: 0, half: 0, banks, requantize: width.map(format) }));
        }
    }
    let batch = Batch::new(input, Expect::Packets(16), 100_000);
    assert_eq!(backend.run(&batch).unwrap().end, End::Complete);
}

#[test]
fn every_drain_of_tiny_and_wide() {
    drains("tiny");
    drains("wide");
}
