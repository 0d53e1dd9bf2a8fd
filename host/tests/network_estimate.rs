//! A network's estimate is what a run of it reports: every layer, every counter, on every kind of machine.

use crate::onnx_support::{fixture_names, import_fixture, read_tensor};
use crumb::backend::BackendKind;
use crumb::digits;
use crumb::estimate::layers::{Conv, Gemm, LayerShape, RightOperand};
use crumb::estimate::network::{EstimateError, Workload};
use crumb::estimate::product::{Costs, Product};
use crumb::gemm::{self, ActivationRows, Image, Job, Output, Placement, Weights};
use crumb::network::machine::{LayerReport, MachineEngine};
use crumb::network::{
    ArrayLayer, Contract, DType, Dim, LayerOutput, LayerPrecision, MatMul, Network, Node, Op, PrecisionPlan, QuantParams,
    Rounding, Tensor, TensorData, TensorId, TensorInfo, execute, run,
};
use crumb::session::Session;
use crumb_arch::requantizer::ChannelScale;
use crumb_arch::{ArrayConfig, Counter, Counters};

fn measured(
    network: &Network,
    inputs: &[Tensor],
    plan: &PrecisionPlan,
    config: &ArrayConfig,
) -> Result<Vec<LayerReport>, String> {
    let mut session = Session::new(BackendKind::Sim.open(config).unwrap());
    let mut engine = MachineEngine::for_plan(&mut session, network, plan).map_err(|error| error.to_string())?;
    execute(network, inputs, plan, &Contract, &mut engine).map_err(|error| error.to_string())?;
    Ok(engine.reports)
}

fn estimated(
    network: &Network,
    inputs: &[Tensor],
    plan: &PrecisionPlan,
    config: &ArrayConfig,
) -> Result<Vec<LayerReport>, EstimateError> {
    let shapes: Vec<Vec<usize>> = inputs.iter().map(|input| input.shape().to_vec()).collect();
    let workload = Workload::of_network(network, &shapes, plan, config)?;
    let estimate = Costs::new(config).network(&workload, None)?;
    let cycles: u64 = estimate.layers.iter().map(|layer| layer.cost.cycles).sum();
    assert_eq!(estimate.total.cycles, cycles);
    assert!(estimate.total.exact && estimate.layers.iter().all(|layer| layer.cost.roofline.bound_cycles <= layer.cost.cycles));
    Ok(estimate.layers.into_iter().map(|layer| layer.report).collect())
}

/// What differs, counter by counter.
fn check(what: &str, network: &Network, inputs: &[Tensor], plan: &PrecisionPlan, config: &ArrayConfig) {
    let found = estimated(network, inputs, plan, config);
    match measured(network, inputs, plan, config) {
        Ok(measured) => {
            let found = found.unwrap_or_else(|error| panic!("{what} on {}: {error}", config.name));
            assert_eq!(found.len(), measured.len(), "{what}: layers");
            for (found, measured) in found.iter().zip(&measured) {
                for ((counter, a), (_, b)) in found.counters.iter().zip(measured.counters.iter()) {
                    assert_eq!(a, b, "{what} on {}: {} of {}", config.name, counter.name(), measured.name);
                }
                assert_eq!(found, measured, "{what} on {}", config.name);
            }
        }
        // A plan that cannot be run has no estimate, for the same reason.
        Err(refusal) => assert_eq!(found.map(|_| ()).unwrap_err().to_string(), refusal, "{what}"),
    }
}

/// Machines that hold all weights, some, or one tile at a time; with wide drains, narrow streams, depth.
fn configs() -> Vec<ArrayConfig> {
    let named = |name| ArrayConfig::named(name).unwrap();
    let full = named("small");
    vec![
        named("tiny"),
        ArrayConfig { weight_words: 512, ..full.clone() },
        ArrayConfig { weight_words: 32, ..full.clone() },
        ArrayConfig { stream_bits: 8, accumulator_rows: 16, parameter_entries: 4, ..full.clone() },
        ArrayConfig { depth: 2, activation_lines: 64, ..full.clone() },
        named("wide"),
        named("medium"),
        full,
    ]
}

fn images(digits: &digits::Digits, count: usize) -> Tensor {
    Tensor::new(vec![count, 1, 8, 8], TensorData::F32(digits.images.floats().unwrap()[..64 * count].to_vec())).unwrap()
}

#[test]
fn digits_at_every_kind_of_plan() {
    let digits = digits::load().unwrap();
    let mut plans: Vec<(String, PrecisionPlan)> =
        digits::runs(&digits.network).unwrap().into_iter().map(|run| (run.name, run.plan)).collect();
    let refined = LayerPrecision { weight_bits: 2, act_bits: 8, rounding: Rounding::Floor, refined: true };
    plans.push(("refined".into(), PrecisionPlan::uniform(refined)));
    plans.push(("a8w6".into(), PrecisionPlan::uniform(LayerPrecision { weight_bits: 6, ..LayerPrecision::default() })));
    let mut important = PrecisionPlan::uniform(LayerPrecision { weight_bits: 4, act_bits: 4, ..LayerPrecision::default() });
    let second = digits.network.layer_names()[1].clone();
    important.important.insert(second, vec![0, 3, 4]);
    plans.push(("important".into(), important));
    let input = [images(&digits, 3)];
    for config in configs() {
        for (name, plan) in &plans {
            check(name, &digits.network, &input, plan, &config);
        }
    }
}

/// Rows and columns of zeros take no time, in the estimate too.
#[test]
fn pruned_channels() {
    let mut digits = digits::load().unwrap();
    let names = digits.network.layer_names();
    for name in &names[..2] {
        let layer = digits.network.layer_mut(name).unwrap();
        let k = layer.k;
        let weight = |(index, &weight): (usize, &i8)| if index / k % 3 == 1 || index % k % 5 == 2 { 0 } else { weight };
        layer.weights = layer.weights.iter().enumerate().map(weight).collect();
    }
    let last = digits.network.layer_mut(&names[2]).unwrap();
    last.weights = vec![0; last.weights.len()].into();
    for config in configs() {
        check("pruned", &digits.network, &[images(&digits, 2)], &PrecisionPlan::default(), &config);
    }
}

/// Strides, dilations, groups, depthwise, zero points, float outputs, a batch of several.
#[test]
fn every_fixture() {
    for name in fixture_names() {
        let (network, input) = (import_fixture(&name), [read_tensor(&format!("{name}.input.npy"))]);
        for config in configs() {
            for (act_bits, weight_bits) in [(8, 8), (4, 2), (2, 4)] {
                let plan = PrecisionPlan::uniform(LayerPrecision { act_bits, weight_bits, ..LayerPrecision::default() });
                check(&format!("{name} at a{act_bits}w{weight_bits}"), &network, &input, &plan, &config);
            }
        }
    }
}

#[test]
fn a_batch_of_none() {
    let digits = digits::load().unwrap();
    let input = [images(&digits, 0)];
    check("no image", &digits.network, &input, &PrecisionPlan::default(), &ArrayConfig::named("tiny").unwrap());
}

/// A left matrix of zeros, of an image or not.
struct Zeros(Option<Image>);

impl ActivationRows for Zeros {
    fn image(&self) -> Option<Image> {
        self.0
    }

    fn fill(&self, _: usize, rows: &mut [i16]) -> Result<(), String> {
        rows.fill(0);
        Ok(())
    }

    fn fill_band(&self, _: usize, _: usize, _: std::ops::Range<usize>, band: &mut [i16]) -> Result<(), String> {
        band.fill(0);
        Ok(())
    }
}

/// Runs a product of a table on zeros; resident ones find their weights uploaded.
fn run_zeros(session: &mut Session, product: &Product) {
    let Product { m, k, n, ref segments, weights, image, requantize } = *product;
    let streamed = vec![0; k * n];
    let (weights, free) = match weights {
        Placement::Resident(layout) => (Weights::Resident(layout), 0),
        Placement::Streamed { base, .. } => (Weights::Streamed(&streamed), base),
    };
    let channels = vec![ChannelScale::from_f32(0, 0.01).unwrap(); n];
    let output = Output::Requantized { channels: &channels, format: requantize.unwrap() };
    gemm::run(session, &Job { m, k, n, rows: &Zeros(image), segments, weights, output }, free).unwrap();
}

/// A second copy of weights serves the row of pixels below: a layer with one row keeps one.
#[test]
fn a_layer_with_one_row_of_pixels_takes_no_room_for_copies() {
    let config = ArrayConfig::named("large").unwrap();
    let words = |layer: LayerShape| Workload::of_table(&[layer], LayerPrecision::default(), &config).unwrap().resident_words;
    let convolution = |height| {
        let input = [height, 20];
        let conv = Conv { input, kernel: [1, 3], channels: 64, filters: 16, strides: [1; 2], padding: [0; 4], groups: 1 };
        words(LayerShape::conv(String::from("conv"), conv, 1).unwrap())
    };
    let product = Gemm { m: 18, n: 16, k: 192, groups: 1, right: RightOperand::Weights };
    let plain = words(LayerShape::gemm(String::from("gemm"), product, 1).unwrap());
    assert_eq!(convolution(1), plain);
    assert_eq!(convolution(2), 2 * plain);
}

/// A table's layers on the simulator: convolutions, groups, products of weights, and products of computed operands one by one.
#[test]
fn tables_cost_what_their_products_cost() {
    let conv = |input, kernel, channels, filters, stride, groups| {
        let conv = Conv {
            input: [input; 2],
            kernel: [kernel; 2],
            channels,
            filters,
            strides: [stride; 2],
            padding: [kernel / 2; 4],
            groups,
        };
        LayerShape::conv(format!("conv{input}{kernel}{channels}{filters}{stride}{groups}"), conv, 2).unwrap()
    };
    let gemm = |m, k, n, groups, right| LayerShape::gemm(format!("gemm{m}"), Gemm { m, n, k, groups, right }, 2).unwrap();
    let table = [
        conv(9, 3, 5, 12, 2, 1),
        conv(6, 3, 12, 12, 1, 12),
        conv(1, 1, 12, 20, 1, 2),
        gemm(7, 33, 41, 1, RightOperand::Weights),
        gemm(5, 16, 9, 3, RightOperand::Computed),
        gemm(1, 130, 100, 1, RightOperand::Weights),
    ];
    for config in configs() {
        for (act_bits, weight_bits, refined) in [(8, 8, false), (4, 2, false), (2, 4, true)] {
            let precision = LayerPrecision { act_bits, weight_bits, rounding: Rounding::Floor, refined };
            let workload = Workload::of_table(&table, precision, &config).unwrap();
            let estimate = Costs::new(&config).network(&workload, None).unwrap();
            let mut session = Session::new(BackendKind::Sim.open(&config).unwrap());
            for (layer, (work, estimate)) in table.iter().zip(workload.layers.iter().zip(&estimate.layers)) {
                let computed = layer.weights() == 0;
                let mut sum = Counters::default();
                let mut last = session.counters().unwrap();
                let mut read = |session: &mut Session| {
                    let now = session.counters().unwrap();
                    sum.0.iter_mut().zip((now - last).0).for_each(|(sum, value)| *sum += value);
                    last = now;
                };
                for (product, times) in &work.products {
                    for _ in 0..*times {
                        run_zeros(&mut session, product);
                        if computed {
                            read(&mut session);
                        }
                    }
                }
                if !computed {
                    read(&mut session);
                }
                assert_eq!(estimate.cost.counters, sum, "{} at {precision} on {config:?}", layer.name());
                assert_eq!(sum[Counter::MacSlots] == 0, estimate.cost.macs == 0);
            }
        }
    }
}

/// A product of two inputs, `[2, m, k] x [2, k, n]`, int8 without zero points.
fn attention(output: LayerOutput) -> Network {
    let quant = QuantParams { scale: 0.5, zero_point: 0, dtype: DType::I8, bits: 8 };
    let layer = ArrayLayer {
        name: "scores".into(),
        weights: Vec::new().into(),
        file_bits: 8,
        out_channels: 0,
        k: 0,
        weight_scales: vec![0.25],
        weight_zero_points: vec![0],
        bias: None,
        input: quant,
        alpha: 1.0,
        output,
    };
    let info = |name: &str, dtype, quant, sizes: [usize; 3]| TensorInfo {
        name: name.into(),
        dtype,
        shape: Some(sizes.map(Dim::Fixed).to_vec()),
        quant,
        bits: 8,
        constant: None,
    };
    let result = info("y", output.dtype(), None, [2, 7, 9]);
    Network {
        name: "attention".into(),
        inputs: vec![TensorId(0), TensorId(1)],
        outputs: vec![TensorId(2)],
        output_names: vec!["y".into()],
        nodes: vec![Node {
            name: "scores".into(),
            op: Op::MatMul(MatMul { layer }),
            inputs: vec![Some(TensorId(0)), Some(TensorId(1))],
            outputs: vec![TensorId(2)],
        }],
        tensors: vec![info("a", DType::I8, Some(quant), [2, 7, 11]), info("b", DType::I8, Some(quant), [2, 11, 9]), result],
    }
}

/// Zeros in an operand that is computed are not looked for: its layer costs the same whatever it holds.
#[test]
fn computed_operands_cost_the_same_whatever_they_hold() {
    let quant = QuantParams { scale: 8.0, zero_point: 0, dtype: DType::I8, bits: 8 };
    let quantized = LayerOutput::Quantized { quant, clamp: [f32::NEG_INFINITY, f32::INFINITY] };
    let tensor = |sizes: [usize; 3], value: fn(usize) -> i8| {
        Tensor::new(sizes.to_vec(), TensorData::I8((0..sizes.iter().product()).map(value).collect())).unwrap()
    };
    let dense = |i: usize| (i * 37 % 255) as i8 | 1;
    let rows_and_columns = |i: usize| if i % 9 == 4 || i / 9 % 11 == 3 { 0 } else { (i * 53 % 127) as i8 };
    let values: [fn(usize) -> i8; 3] = [dense, rows_and_columns, |_| 0];
    for output in [LayerOutput::Sums, quantized] {
        let network = attention(output);
        for config in configs() {
            for (name, value) in ["dense", "some zeros", "all zeros"].iter().zip(values) {
                let inputs = [tensor([2, 7, 11], dense), tensor([2, 11, 9], value)];
                check(name, &network, &inputs, &PrecisionPlan::default(), &config);
                let mut session = Session::new(BackendKind::Sim.open(&config).unwrap());
                let mut engine = MachineEngine::new(&mut session, &network).unwrap();
                let machine = execute(&network, &inputs, &PrecisionPlan::default(), &Contract, &mut engine).unwrap();
                let reference = run(&network, &inputs, &PrecisionPlan::default(), &Contract).unwrap();
                assert!(machine.outputs()[0].same_bits(reference.outputs()[0]), "{name}");
            }
        }
    }
}
