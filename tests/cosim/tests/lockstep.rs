//! Simulator, rust-hdl and Verilog side by side: every boundary signal, in every cycle, under random stalls on both streams.

use crumb::backend::{Backend, BackendError};
use crumb::session::Session;
use crumb::verify::cases;
use crumb_arch::ArrayConfig;
use crumb_arch::boundary::{Boundary, Inputs, Outputs};
use crumb_arch::driver::{Batch, Driver, Outcome};
use crumb_arch::stall::Stall;
use crumb_cosim::{PowerUp, Verilated, available};
use crumb_hdl::RtlMachine;
use crumb_sim::Machine;
use proptest::prelude::*;

/// The three machines with a clock.
struct Three {
    sim: Machine,
    rtl: Option<RtlMachine>,
    verilog: Verilated,
}

impl Three {
    fn open(name: &str, with_rtl: bool, power_up: PowerUp) -> Self {
        Self {
            sim: Machine::new(&ArrayConfig::named(name).unwrap()).unwrap(),
            rtl: with_rtl.then(|| RtlMachine::open(name).unwrap()),
            verilog: Verilated::open_with(name, power_up).unwrap(),
        }
    }
}

impl Boundary for Three {
    fn stream_bytes(&self) -> usize {
        self.sim.stream_bytes()
    }

    fn settle(&mut self, inputs: &Inputs) -> Outputs {
        let sim = self.sim.settle(inputs);
        assert_eq!(sim, self.verilog.settle(inputs), "sim and Verilog, cycle {}", self.sim.cycle());
        if let Some(rtl) = &mut self.rtl {
            assert_eq!(sim, rtl.settle(inputs), "sim and rust-hdl, cycle {}", self.sim.cycle());
        }
        sim
    }

    fn clock(&mut self) {
        self.sim.clock();
        self.verilog.clock();
        if let Some(rtl) = &mut self.rtl {
            Boundary::clock(rtl);
        }
    }
}

struct Lockstep(Driver<Three>, ArrayConfig);

impl Backend for Lockstep {
    fn name(&self) -> &'static str {
        "lockstep"
    }

    fn config(&self) -> &ArrayConfig {
        &self.1
    }

    fn run(&mut self, batch: &Batch) -> Result<Outcome, BackendError> {
        Ok(self.0.run(batch)?)
    }
}

fn session(name: &str, with_rtl: bool, power_up: PowerUp, seed: u64, percent: (u8, u8)) -> Session {
    let lockstep = Lockstep(Driver::new(Three::open(name, with_rtl, power_up)), ArrayConfig::named(name).unwrap());
    let (valid, ready) = (Stall { seed, percent: percent.0 }, Stall { seed: !seed, percent: percent.1 });
    Session::new(Box::new(lockstep)).with_stalls(valid, ready)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn tiny_with_rust_hdl(seed: u64, percent in (0u8..70, 0u8..70)) {
        let config = ArrayConfig::named("tiny").unwrap();
        let mut session = session("tiny", true, PowerUp::Zeros, seed, percent);
        for case in cases(&config, 1, seed) {
            case.check(&mut session).unwrap();
        }
    }

    #[test]
    fn any_bytes_as_commands(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..60), 1..8), seed: u64) {
        let mut session = session("tiny", true, PowerUp::Zeros, seed, (30, 30));
        for packet in &packets {
            let _ = session.send_raw(packet, 0);
        }
        session.clear_error().unwrap();
        cases(session.config(), 1, seed)[0].check(&mut session).unwrap();
    }
}

/// Every configuration that was built in, over more work, whatever the undefined registers of the Verilog start as.
#[test]
fn every_configuration_without_rust_hdl() {
    for name in available().into_iter().filter(|name| ArrayConfig::named(name).is_ok()) {
        for power_up in [PowerUp::Zeros, PowerUp::Ones, PowerUp::Random(7)] {
            let config = ArrayConfig::named(name).unwrap();
            let mut session = session(name, false, power_up, 5, (20, 20));
            for case in cases(&config, 2, 11) {
                case.check(&mut session).unwrap();
            }
        }
    }
}
