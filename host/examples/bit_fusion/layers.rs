//! The layers of Bit Fusion's networks, with what its simulator says of them.

use crumb::estimate::layers::{Conv, Gemm, LayerShape, RightOperand};
use crumb::network::LayerPrecision;
use std::error::Error;
use std::str::FromStr;

/// Layers, cycles and traffic of a batch.
const LAYERS: &str = include_str!("../../tests/peers/bitfusion_layers.csv");
/// Time and energy of an image.
const NETWORKS: &str = include_str!("../../tests/peers/bitfusion_networks.csv");
/// Images of a batch.
pub const BATCH: u64 = crumb::estimate::bit_fusion::BitFusion::PUBLISHED_BATCH;

/// A layer.
pub struct Layer {
    /// For a whole batch.
    pub shape: LayerShape,
    /// The widths that Crumb has for it: one bit runs as two, on Bit Fusion too.
    pub precision: LayerPrecision,
    /// Bit Fusion's cycles for a batch.
    pub cycles: u64,
    /// Its bytes of DRAM, read and written.
    pub dram_bytes: u64,
}

/// A network.
pub struct Network {
    /// As Bit Fusion's authors call it.
    pub name: String,
    /// In the order in which they run.
    pub layers: Vec<Layer>,
    /// Energy of an image.
    pub millijoules: f64,
}

/// Network, layer, kind, then numbers: input height, width and channels, kernel, stride, output height, width and channels,
/// activation and weight bits, cycles, stalls, bits read and written.
type Row = (String, String, String, [u64; 14]);

/// All networks, in the order of the table of layers.
pub fn networks() -> Result<Vec<Network>, Box<dyn Error>> {
    let mut networks: Vec<Network> = Vec::new();
    for row in csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(LAYERS.as_bytes()).deserialize() {
        let (name, layer, kind, numbers): Row = row?;
        if networks.last().is_none_or(|network| network.name != name) {
            let millijoules = figure(&name, "mJ_per_image")?;
            networks.push(Network { name, layers: Vec::new(), millijoules });
        }
        if let Some(network) = networks.last_mut() {
            network.layers.push(one(&layer, &kind, numbers)?);
        }
    }
    for Network { name, layers, .. } in &networks {
        let (sum, whole) = (layers.iter().map(|layer| layer.cycles).sum::<u64>(), figure::<u64>(name, "cycles_batch16")?);
        if sum != whole {
            return Err(format!("{name}: its layers take {sum} cycles, the network {whole}").into());
        }
    }
    Ok(networks)
}

/// A number of the table of networks.
fn figure<T: FromStr<Err: Error + 'static>>(network: &str, column: &str) -> Result<T, Box<dyn Error>> {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(NETWORKS.as_bytes());
    let index = reader.headers()?.iter().position(|name| name == column).ok_or_else(|| format!("no column {column}"))?;
    for record in reader.records() {
        let record = record?;
        if record.get(0) == Some(network) {
            return Ok(record.get(index).unwrap_or_default().parse()?);
        }
    }
    Err(format!("no {column} of {network}").into())
}

fn one(name: &str, kind: &str, numbers: [u64; 14]) -> Result<Layer, Box<dyn Error>> {
    let [
        height,
        width,
        channels,
        kernel,
        stride,
        out_height,
        out_width,
        filters,
        act_bits,
        weight_bits,
        cycles,
        _,
        read,
        written,
    ] = numbers;
    let name = name.split_once('/').map_or(name, |(first, rest)| if rest.contains('/') { rest } else { first });
    let name = name.split('/').next().unwrap_or(name);
    let shape = if kind == "MatMul" {
        LayerShape::gemm(name, Gemm { m: 1, n: filters, k: channels, groups: 1, right: RightOperand::Weights }, BATCH)?
    } else {
        // The simulator knows outputs and kernels only, so padding fills up what they need.
        let missing = |size: u64, outputs: u64| ((outputs - 1) * stride + kernel).saturating_sub(size);
        let padding = [0, 0, missing(height, out_height), missing(width, out_width)];
        let conv =
            Conv { input: [height, width], kernel: [kernel; 2], channels, filters, strides: [stride; 2], padding, groups: 1 };
        LayerShape::conv(name, conv, BATCH)?
    };
    let width = |bits: u64| u8::try_from(bits.max(2));
    let precision = LayerPrecision { act_bits: width(act_bits)?, weight_bits: width(weight_bits)?, ..LayerPrecision::default() };
    Ok(Layer { shape, precision, cycles, dram_bytes: (read + written).div_ceil(8) })
}
