//! What important channels cost and store: the digits network with its second and third convolution at fewer activation bits.
//!
//! `docs/channels.md` explains the table that this prints. Every tensor is compared with the reference.

use crumb::backend::BackendKind;
use crumb::benchmark::{RunReport, measure};
use crumb::digits;
use crumb::network::importance::{ShiftingErrors, calibrate, shifting_errors};
use crumb::network::machine::MachineEngine;
use crumb::network::{LayerPrecision, PrecisionPlan};
use crumb::session::Session;
use crumb_arch::ArrayConfig;
use std::collections::BTreeMap;
use std::error::Error;

/// The layers that get fewer bits.
const LAYERS: [&str; 2] = ["conv2", "conv3"];
/// Images that rank the channels.
const CALIBRATION: usize = 64;
/// Activation bits of these layers, and important channels at 8 bits; `None` is none at all.
const ROWS: [(u8, Option<usize>); 8] =
    [(8, None), (4, Some(8)), (4, Some(4)), (4, Some(2)), (4, None), (2, Some(8)), (2, Some(4)), (2, None)];

fn main() -> Result<(), Box<dyn Error>> {
    let config = ArrayConfig::named("small")?;
    println!("activations       conv2 cycles  conv3 cycles  against a8  raw bits  Huffman-coded  share  exact");
    let mut all_wide = 0;
    for (act_bits, important) in ROWS {
        let (report, errors) = run(&config, act_bits, important)?;
        let cycles = LAYERS.map(|name| report.layers.iter().find(|l| l.name == name).and_then(|l| l.cycles).unwrap_or(0));
        let sum: u64 = cycles.iter().sum();
        all_wide = all_wide.max(sum);
        let name = important.map_or(format!("a{act_bits}"), |count| format!("a{act_bits}, {count} important"));
        let raw: u64 = errors.iter().map(|e| e.raw_bits).sum();
        let coded: u64 = errors.iter().map(|e| e.huffman_bits + e.table_bits).sum();
        let storage = if raw == 0 {
            format!("{:>8}  {:>13}  {:>5}", "-", "-", "-")
        } else {
            format!("{raw:>8}  {coded:>13}  {:>4.0}%", 100.0 * coded as f64 / raw as f64)
        };
        let ratio = sum as f64 / all_wide as f64;
        let exact = if report.exact { "yes" } else { "NO" };
        println!("{name:<16}  {:>12}  {:>12}  {ratio:>10.2}  {storage}  {exact:>5}", cycles[0], cycles[1]);
    }
    Ok(())
}

/// All images with the layers' activations at `act_bits`, but for `important` channels at 8 bits; weights at 4 bits everywhere.
fn run(config: &ArrayConfig, act_bits: u8, important: Option<usize>) -> Result<(RunReport, Vec<ShiftingErrors>), Box<dyn Error>> {
    let digits = digits::load()?;
    let four = LayerPrecision { weight_bits: 4, ..LayerPrecision::default() };
    let narrow = LayerPrecision { act_bits, ..four };
    let mut plan = LAYERS.iter().fold(PrecisionPlan::uniform(four), |plan, name| plan.with(name, narrow));
    let counts: BTreeMap<String, usize> = LAYERS.iter().filter_map(|name| Some(((*name).to_owned(), important?))).collect();
    let images = digits.images.part(0, vec![CALIBRATION, 1, 8, 8])?;
    calibrate(&digits.network, &[images], &mut plan, &counts)?;
    let mut session = Session::new(BackendKind::Sim.open(config)?);
    let mut engine = MachineEngine::for_plan(&mut session, &digits.network, &plan)?;
    let (report, execution) = measure(&mut engine, config, &digits.network, &[digits.images], "plan", &plan)?;
    let errors = shifting_errors(&digits.network, &execution, &plan)?;
    Ok((report, errors))
}
