//! A grid with its meaning: machines that can be built, networks, pairs of widths, and the points that they make.

use super::field::machine_name;
use super::fingerprint::Fingerprint;
use super::invalid::Invalid;
use super::row::COLUMNS;
use super::{Field, Spec, StreamBits, SweepError};
use crate::estimate::layers::LayerShape;
use crate::estimate::networks::Network;
use crate::network::LayerPrecision;
use crumb_arch::precision::{ActBits, WeightBits};
use crumb_arch::{ArrayConfig, precision::PrecisionError};
use std::collections::HashSet;
use std::hash::Hash;
use std::ops::RangeInclusive;

/// Most points of a grid: at a kilobyte each, a table of 4 GB.
pub const MOST_POINTS: usize = 1 << 22;

/// A network's layers.
#[derive(Clone, Debug)]
pub struct Layers {
    /// The network's name, or the table's file.
    pub name: String,
    /// Its layers, for the whole batch.
    pub layers: Vec<LayerShape>,
    /// What its table says but the layers do not.
    pub notes: Vec<String>,
}

/// Machines x networks x pairs of widths.
#[derive(Clone, Debug)]
pub struct Grid {
    /// The machines that can be built, each once, with names that say their sizes.
    pub machines: Vec<ArrayConfig>,
    /// Those that cannot be, and why.
    pub invalid: Invalid,
    /// Networks.
    pub networks: Vec<Layers>,
    /// Activation and weight widths.
    pub pairs: Vec<LayerPrecision>,
    /// Samples that run together.
    pub batch: u64,
    fingerprint: Fingerprint,
}

/// Samples that may run together.
pub const BATCHES: RangeInclusive<u64> = 1..=65536;

fn axis(axis: impl Into<String>, problem: impl Into<String>) -> SweepError {
    SweepError::Axis { axis: axis.into(), problem: problem.into() }
}

/// Refuses a value that is given twice: one of the two was meant to be another.
fn once<T: Eq + Hash + ToString>(name: &str, values: &[T]) -> Result<(), SweepError> {
    let mut seen = HashSet::new();
    match values.iter().find(|value| !seen.insert(*value)) {
        Some(value) => Err(axis(name, format!("{} is given twice", value.to_string()))),
        None => Ok(()),
    }
}

impl Grid {
    /// The grid that a text or arguments say, from a configuration, and tables that were read for it.
    ///
    /// # Errors
    /// Axes with unknown or repeated values, no network, no machine that can be built, or too many points.
    pub fn new(spec: &Spec, base: &ArrayConfig, tables: Vec<Layers>) -> Result<Self, SweepError> {
        // Axes that are too long are refused before anything is done for each value.
        let sizes = Field::ALL.map(|field| match field {
            Field::StreamBits => spec.stream_bits.len(),
            _ => spec.values(field).len(),
        });
        let pairs = [&spec.act_bits, &spec.weight_bits].map(|bits| if bits.is_empty() { 3 } else { bits.len() });
        let sizes = sizes.into_iter().chain([spec.networks.len() + tables.len()]).chain(pairs).map(|size| size.max(1));
        let points = sizes.into_iter().try_fold(1usize, |n, size| n.checked_mul(size));
        if points.is_none_or(|points| points > MOST_POINTS) {
            let found = points.map_or_else(|| "more than 2^64".to_owned(), |points| points.to_string());
            return Err(SweepError::Large { found, most: MOST_POINTS });
        }
        for field in Field::ALL {
            once(field.name(), spec.values(field))?;
        }
        once("stream_bits", &spec.stream_bits)?;
        once("networks", &spec.networks)?;
        let batch = spec.batch.unwrap_or(1);
        if !BATCHES.contains(&batch) {
            return Err(axis("batch", format!("found {batch}, expected {} to {}", BATCHES.start(), BATCHES.end())));
        }
        let networks = networks(spec, batch, tables)?;
        let pairs = self::pairs(spec)?;
        let (mut machines, mut invalid) = (Vec::<ArrayConfig>::new(), Invalid::default());
        for config in combinations(spec, base) {
            match config.validate() {
                Ok(()) => machines.push(config),
                Err(error) => invalid.add(error),
            }
        }
        if let (true, Some(first)) = (machines.is_empty(), &invalid.first) {
            return Err(SweepError::NoMachine { count: invalid.count, first: first.to_string() });
        }
        let fingerprint = fingerprint(&machines, &networks, &pairs, batch);
        Ok(Self { machines, invalid, networks, pairs, batch, fingerprint })
    }

    /// How many points.
    pub fn points(&self) -> usize {
        self.machines.len() * self.networks.len() * self.pairs.len()
    }

    /// A point's machine, network and widths: pairs follow each other fastest, then networks. `None` beyond the last point.
    pub fn point(&self, index: usize) -> Option<(&ArrayConfig, &Layers, LayerPrecision)> {
        let (rest, pair) = (index / self.pairs.len(), index % self.pairs.len());
        let (machine, network) = (rest / self.networks.len(), rest % self.networks.len());
        Some((self.machines.get(machine)?, self.networks.get(network)?, *self.pairs.get(pair)?))
    }

    /// The number of a point's network on its machine: points with the same share the products of a network.
    pub fn network_of(&self, index: usize) -> usize {
        index / self.pairs.len()
    }

    /// The first cells of a point's row, which no other row has: machine, network and widths.
    pub fn key(&self, index: usize) -> Option<[String; 3]> {
        self.point(index).map(|(machine, network, pair)| [machine.name.clone(), network.name.clone(), pair.to_string()])
    }

    /// A number that tells grids apart, in hexadecimal: it covers the machines, every layer, the widths, the columns, and the version of this crate.
    pub fn fingerprint(&self) -> String {
        self.fingerprint.to_string()
    }
}

/// Every machine of a grid, each once, the last axis fastest.
fn combinations(spec: &Spec, base: &ArrayConfig) -> impl Iterator<Item = ArrayConfig> {
    let axes: Vec<_> = Field::ALL.into_iter().map(|field| (field, spec.values(field))).filter(|(_, v)| !v.is_empty()).collect();
    let count = axes.iter().map(|(_, values)| values.len()).product();
    let streams = if spec.stream_bits.is_empty() { vec![StreamBits::Bits(base.stream_bits)] } else { spec.stream_bits.clone() };
    // The digits of a number, the last axis the lowest.
    let sides = move |number: usize| {
        let digit = |(config, rest): (ArrayConfig, usize), (field, values): &(Field, &[usize])| {
            (field.with(config, values[rest % values.len()]), rest / values.len())
        };
        axes.iter().rev().fold((base.clone(), number), digit).0
    };
    (0..count).flat_map(move |number| {
        let config = sides(number);
        // Two words for one width of the streams make one machine.
        let mut seen = HashSet::new();
        let widths: Vec<_> = streams.iter().map(|stream| stream.on(&config)).filter(|&bits| seen.insert(bits)).collect();
        widths.into_iter().map(move |bits| {
            let config = Field::StreamBits.with(config.clone(), bits);
            ArrayConfig { name: machine_name(&config), ..config }
        })
    })
}

fn networks(spec: &Spec, batch: u64, tables: Vec<Layers>) -> Result<Vec<Layers>, SweepError> {
    let mut networks = Vec::new();
    for name in &spec.networks {
        let network = Network::from_name(name).ok_or_else(|| {
            let known = Network::ALL.map(Network::name).join(", ");
            axis("networks", format!("there is no {name:?}; those built in are {known}; a table of your own is a topology"))
        })?;
        let layers = network.layers()?.iter().map(|layer| layer.with_batch(batch)).collect::<Result<_, _>>()?;
        networks.push(Layers { name: name.clone(), layers, notes: Vec::new() });
    }
    networks.extend(tables);
    once("networks", &networks.iter().map(|network| network.name.as_str()).collect::<Vec<_>>())?;
    if let Some(network) = networks.iter().find(|network| network.name.contains(char::is_control)) {
        let problem = format!("{:?} would tear a line of the table; give its file another name", network.name);
        return Err(axis("topologies", problem));
    }
    if networks.is_empty() {
        let known = Network::ALL.map(Network::name).join(", ");
        return Err(axis("networks", format!("none is given; name some of {known}, or give a topology")));
    }
    Ok(networks)
}

fn pairs(spec: &Spec) -> Result<Vec<LayerPrecision>, SweepError> {
    let all = |bits: &[u8], default: [u8; 3]| if bits.is_empty() { default.to_vec() } else { bits.to_vec() };
    let acts = all(&spec.act_bits, ActBits::ALL.map(u8::from));
    let weights = all(&spec.weight_bits, WeightBits::LANE_WIDTHS.map(u8::from));
    once("act_bits", &acts)?;
    once("weight_bits", &weights)?;
    let refused = |name: &'static str| move |error: PrecisionError| axis(name, error.to_string());
    for &bits in &acts {
        ActBits::try_from(bits).map_err(refused("act_bits"))?;
    }
    for &bits in &weights {
        WeightBits::try_from(bits).map_err(refused("weight_bits"))?;
    }
    let pair = |act_bits, weight_bits| LayerPrecision { act_bits, weight_bits, ..LayerPrecision::default() };
    Ok(acts.into_iter().flat_map(|act| weights.iter().map(move |&weight| pair(act, weight))).collect())
}

fn fingerprint(machines: &[ArrayConfig], networks: &[Layers], pairs: &[LayerPrecision], batch: u64) -> Fingerprint {
    let mut hash = Fingerprint::new().with(env!("CARGO_PKG_VERSION")).with(&batch.to_string());
    for column in &COLUMNS {
        hash = hash.with(column.name);
    }
    for machine in machines {
        hash = hash.with(&machine.name);
    }
    for network in networks {
        hash = hash.with(&network.name);
        for layer in &network.layers {
            hash = hash.with(&format!("{layer:?}"));
        }
    }
    pairs.iter().fold(hash, |hash, pair| hash.with(&pair.to_string()))
}

#[cfg(test)]
mod tests;
