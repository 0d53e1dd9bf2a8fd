//! What a table says of a point: its columns, and the cells of a row.

use super::{Field, Grid};
use crate::estimate::network::{NetworkEstimate, Summary, WeightSource, Workload};
use crate::estimate::product::Costs;

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A number that counts.
    Integer,
    /// A number with a fraction.
    Real,
}

/// A column. All but those of the point and its machine are empty where a point is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What its cells are.
    pub kind: Kind,
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text }
}

const fn integer(name: &'static str) -> Column {
    Column { name, kind: Kind::Integer }
}

const fn real(name: &'static str) -> Column {
    Column { name, kind: Kind::Real }
}

/// The columns of a table. The first three are the row's key; the names are those of `crumb estimate --csv` where it has them.
pub const COLUMNS: [Column; 50] = [
    text("machine"),
    text("network"),
    text("precision"),
    integer(Field::Rows.name()),
    integer(Field::Cols.name()),
    integer(Field::Depth.name()),
    integer(Field::ActivationLines.name()),
    integer(Field::WeightWords.name()),
    integer(Field::WeightBus.name()),
    integer(Field::ParameterEntries.name()),
    integer(Field::AccumulatorRows.name()),
    integer(Field::DrainBanks.name()),
    integer(Field::StreamBits.name()),
    integer("act_bits"),
    integer("weight_bits"),
    integer("batch"),
    integer("pes"),
    integer("activation_memory_bits"),
    integer("weight_memory_bits"),
    integer("parameter_memory_bits"),
    integer("accumulator_memory_bits"),
    integer("memory_bits"),
    integer("macs"),
    integer("bops"),
    integer("estimated_cycles"),
    text("bound"),
    integer("bound_cycles"),
    real("macs_per_cycle"),
    real("attainable_macs_per_cycle"),
    real("peak_macs_per_cycle"),
    real("utilisation"),
    real("mapping_bound"),
    real("macs_per_byte"),
    integer("resident_words"),
    integer("activation_bits_read"),
    integer("activation_bits_written"),
    integer("weight_bits_read"),
    integer("weight_bits_written"),
    integer("parameter_bits_written"),
    integer("accumulator_bits_read"),
    integer("accumulator_bits_written"),
    integer("activation_bytes_in"),
    integer("weight_bytes_in"),
    integer("parameter_bytes_in"),
    integer("command_bytes_in"),
    integer("bytes_out"),
    integer("dram_bytes"),
    integer("layers"),
    integer("resident_layers"),
    text("refused"),
];

/// Columns of the key.
pub const KEY: usize = 3;

/// The first column that is empty where a point is refused: `macs`.
pub const MEASURED: usize = 22;

/// The cells of a point's row, in the order of [`COLUMNS`]; `None` beyond the last point.
///
/// `costs` are those of the point's machine, so that products which its layers share are computed once.
pub fn row(grid: &Grid, index: usize, costs: &mut Costs<'_>) -> Option<Vec<String>> {
    let (machine, network, pair) = grid.point(index)?;
    let mut cells: Vec<String> = grid.key(index)?.into();
    cells.extend(Field::ALL.map(|field| field.of(machine).to_string()));
    cells.extend([pair.act_bits.to_string(), pair.weight_bits.to_string(), grid.batch.to_string()]);
    let memory = machine.memory_bits();
    cells.push((machine.rows * machine.cols).to_string());
    cells.extend(memory.iter().chain([&memory.iter().sum()]).map(ToString::to_string));
    let workload = Workload::of_table(&network.layers, pair, machine);
    match workload.and_then(|workload| costs.network(&workload, None)) {
        Ok(estimate) => {
            cells.extend(counted(&estimate.total, estimate.resident_words));
            let resident = resident_layers(&estimate);
            cells.extend([estimate.layers.len().to_string(), resident.to_string(), String::new()]);
        }
        Err(error) => {
            cells.resize(COLUMNS.len() - 1, String::new());
            // A row is one line.
            cells.push(error.to_string().lines().collect::<Vec<_>>().join(" "));
        }
    }
    Some(cells)
}

/// Layers whose weights stay in the memory.
fn resident_layers(estimate: &NetworkEstimate) -> usize {
    let stays = WeightSource::Resident;
    estimate.layers.iter().filter(|layer| layer.weights == stays).count()
}

/// The cells of a network's sums.
fn counted(total: &Summary, resident_words: usize) -> Vec<String> {
    let Summary { macs, bops, cycles, traffic, roofline, .. } = total;
    let (bits, input) = (&traffic.bits, &traffic.stream_bytes_in);
    vec![
        macs.to_string(),
        bops.to_string(),
        cycles.to_string(),
        roofline.bound.name().to_owned(),
        roofline.bound_cycles.to_string(),
        roofline.macs_per_cycle.to_string(),
        roofline.attainable_macs_per_cycle.to_string(),
        roofline.peak_macs_per_cycle.to_string(),
        roofline.utilisation.to_string(),
        roofline.mapping_bound.to_string(),
        roofline.macs_per_byte.to_string(),
        resident_words.to_string(),
        bits.activation_bits_read.to_string(),
        bits.activation_bits_written.to_string(),
        bits.weight_bits_read.to_string(),
        bits.weight_bits_written.to_string(),
        bits.parameter_bits_written.to_string(),
        bits.accumulator_bits_read.to_string(),
        bits.accumulator_bits_written.to_string(),
        input.activations.to_string(),
        input.weights.to_string(),
        input.parameters.to_string(),
        input.commands.to_string(),
        traffic.stream_bytes_out.to_string(),
        traffic.dram_bytes.to_string(),
    ]
}
