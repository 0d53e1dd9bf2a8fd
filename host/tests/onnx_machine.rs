//! Every model in `fixtures/` on the simulator: onnxruntime's output bit for bit at 8 bits, the reference's at every precision.

use crate::onnx_support::{fixture_names, import_fixture, read_tensor, same_bits};
use crumb::backend::BackendKind;
use crumb::network::machine::MachineEngine;
use crumb::network::{Contract, LayerPrecision, PrecisionPlan, Rounding, execute, run};
use crumb::session::Session;
use crumb_arch::ArrayConfig;

#[test]
fn outputs_equal_onnxruntime_and_the_reference() {
    let config = ArrayConfig::named("small").unwrap();
    for name in fixture_names() {
        let network = import_fixture(&name);
        let input = [read_tensor(&format!("{name}.input.npy"))];
        let mut session = Session::new(BackendKind::Sim.open(&config).unwrap());
        let mut engine = MachineEngine::new(&mut session, &network).unwrap();
        let on_machine = execute(&network, &input, &PrecisionPlan::default(), &Contract, &mut engine).unwrap();
        let expected = read_tensor(&format!("{name}.output.npy"));
        assert!(same_bits(on_machine.outputs()[0], &expected), "{name} at a8w8");
        for (act_bits, weight_bits) in [(8, 6), (8, 4), (8, 2), (4, 4), (4, 2), (2, 2)] {
            let plan = PrecisionPlan::uniform(LayerPrecision {
                act_bits,
                weight_bits,
                rounding: Rounding::HalfEven,
                ..LayerPrecision::default()
            });
            // Some fixtures have tensors that cannot be narrowed: then both refuse.
            let reference = run(&network, &input, &plan, &Contract);
            let machine = execute(&network, &input, &plan, &Contract, &mut engine);
            match (reference, machine) {
                (Ok(a), Ok(b)) => assert!(same_bits(a.outputs()[0], b.outputs()[0]), "{name} at a{act_bits}w{weight_bits}"),
                (Err(a), Err(b)) => assert_eq!(a.to_string(), b.to_string(), "{name}"),
                (a, b) => panic!("{name} at a{act_bits}w{weight_bits}: {:?} but {:?}", a.err(), b.err().map(|e| e.to_string())),
            }
        }
    }
}
