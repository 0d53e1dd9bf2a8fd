//! Simulator, rust-hdl and Verilog side by side: every boundary signal, in every cycle, under random stalls on both streams.

use crumb::backend::{Backend, BackendError};
use crumb::network::machine::MachineEngine;
use crumb::network::{Contract, LayerPrecision, PrecisionPlan, Tensor, execute};
use crumb::session::Session;
use crumb::verify::{cases, large_cases};
use crumb_arch::ArrayConfig;
use crumb_arch::boundary::{Boundary, Inputs, Outputs};
use crumb_arch::driver::{Batch, Driver, End, Outcome};
use crumb_arch::stall::Stall;
use crumb_cosim::{PowerUp, Verilated, available};
use crumb_hdl::RtlMachine;
use crumb_sim::Machine;
use crumb_tests::oracle::{cases as cases_of_onnxruntime, difference};
use crumb_tests::program::random;
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
    fn any_program(seed: u64, length in 0usize..40, percent in (0u8..70, 0u8..70)) {
        let config = ArrayConfig::named("tiny").unwrap();
        let mut three = Driver::new(Three::open("tiny", true, PowerUp::Zeros));
        let outcome = three.run(&random(&config, seed, length).batch(percent, seed)).unwrap();
        prop_assert_eq!(outcome.end, End::Complete);
    }
}

/// The configurations that were built in; tiny, and one whose lines take two beats, always are.
fn built() -> Vec<&'static str> {
    let names: Vec<_> = available().into_iter().filter(|name| ArrayConfig::named(name).is_ok()).collect();
    assert!(names.contains(&"tiny") && names.contains(&"medium"), "only {names:?}: build with --features tiny,medium");
    names
}

#[test]
fn every_built_configuration_under_random_programs() {
    for name in built() {
        let config = ArrayConfig::named(name).unwrap();
        let mut both = Driver::new(Three::open(name, false, PowerUp::Random(1)));
        for seed in 0..20 {
            let outcome = both.run(&random(&config, seed, 60).batch((25, 35), seed)).unwrap();
            assert_eq!(outcome.end, End::Complete, "{name}, seed {seed}");
        }
    }
}

/// Every built configuration over more products, whatever the undefined registers of the Verilog start as.
#[test]
fn every_built_configuration_multiplies() {
    for name in built() {
        for power_up in [PowerUp::Zeros, PowerUp::Ones, PowerUp::Random(7)] {
            let config = ArrayConfig::named(name).unwrap();
            let mut session = session(name, false, power_up, 5, (20, 20));
            for case in cases(&config, 2, 11).into_iter().chain(large_cases(&config, 1, 12)) {
                case.check(&mut session).unwrap();
            }
        }
    }
}

/// A convolutional network that onnxruntime quantized, whole, at three widths of its one set of weights: every signal of the three
/// machines in every cycle, and onnxruntime's output.
#[test]
fn a_quantized_network_on_three_machines() {
    let case = cases_of_onnxruntime(env!("CARGO_TARGET_TMPDIR"), "cases", &["cnn_qdq_u8s8_pc"], 1).remove(0);
    let network = case.network("model.onnx").unwrap();
    let first = |tensor: &Tensor| {
        let shape: Vec<usize> = std::iter::once(1).chain(tensor.shape()[1..].iter().copied()).collect();
        tensor.part(0, shape).unwrap()
    };
    let input = [first(&case.tensor("input_0"))];
    let mut session = session("tiny", true, PowerUp::Random(3), 5, (0, 0));
    let mut engine = MachineEngine::new(&mut session, &network).unwrap();
    for weight_bits in [8, 4, 2] {
        let plan = PrecisionPlan::uniform(LayerPrecision { weight_bits, ..LayerPrecision::default() });
        let execution = execute(&network, &input, &plan, &Contract, &mut engine).unwrap();
        let expected = [first(&case.tensor(&format!("output_w{weight_bits}_0")))];
        assert_eq!(difference(&execution.outputs(), &expected), None, "W{weight_bits}");
    }
}
