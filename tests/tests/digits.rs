//! The embedded network on the machine: exact at every precision, from one upload of its weights, and right as often as trained.

use crumb::backend::BackendKind;
use crumb::benchmark::measure;
use crumb::digits;
use crumb::network::machine::MachineEngine;
use crumb::session::Session;
use crumb_arch::ArrayConfig;

#[test]
fn one_upload_serves_every_precision_exactly() {
    let expected: serde_json::Value = serde_json::from_str(include_str!("../../host/digits/expected.json")).unwrap();
    let digits = digits::load().unwrap();
    for name in ["tiny", "small", "large"] {
        let config = ArrayConfig::named(name).unwrap();
        let mut session = Session::new(BackendKind::Sim.open(&config).unwrap());
        let mut engine = MachineEngine::new(&mut session, &digits.network).unwrap();
        for run in digits::runs(&digits.network).unwrap() {
            let inputs = std::slice::from_ref(&digits.images);
            let (report, execution) = measure(&mut engine, &config, &digits.network, inputs, &run.name, &run.plan).unwrap();
            assert!(report.exact, "{} on {name}: {:?}", run.name, report.mismatch);
            assert_eq!(report.derived.unwrap().weight_bits_written, 0, "{} on {name}: weights moved", run.name);
            let logits = execution.outputs()[0].floats().unwrap().to_vec();
            let pair = &expected["pairs"][&run.name]["half-even"]["correct"];
            let correct = if run.name == "mixed" { &expected["mixed"]["correct"] } else { pair };
            assert_eq!(digits.correct(&logits) as u64, correct.as_u64().unwrap(), "{} on {name}", run.name);
        }
    }
}
