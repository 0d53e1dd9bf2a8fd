//! The words of the energy files: parts that are there, events that happen, accesses to memories.

use crumb_sim::activity::Group;
use serde::{Deserialize, Serialize};

/// A block that is there a number of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// PE: rows x columns.
    Pe,
    /// Precision switch: columns.
    PrecisionSwitch,
    /// Row sum: rows.
    RowSum,
    /// Column sum: columns.
    ColumnSum,
    /// Combiner: columns.
    Combiner,
    /// Accumulator without its memories: columns.
    AccumulatorAdder,
    /// Requantizer: columns.
    Requantizer,
    /// Each bit of the machine's other registers.
    RegisterBit,
}

/// Something that happens a counted number of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A PE in a busy cycle; by mode.
    PeCycle,
    /// A PE when a weight word goes down its column, to it or past it.
    PeWeight,
    /// The precision switch, a weight word; by weight width.
    SwitchWord,
    /// A row sum in a busy cycle; by activation width.
    RowSumCycle,
    /// A column sum, a weight word; by activation width.
    ColumnSumWord,
    /// A combiner in a busy cycle; by mode.
    CombineCycle,
    /// An accumulator's adders in a busy cycle; by mode.
    AccumulateCycle,
    /// A value through a requantizer.
    RequantizeValue,
    /// A requantizer in a busy cycle, while sums that no drain reads pass by; by mode.
    RequantizerCycle,
    /// A bit of the streams in and out.
    StreamBit,
    /// A bit to or from external memory.
    DramBit,
}

/// What is done to a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// A read.
    Read,
    /// A write.
    Write,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 8] = [
        Self::Pe,
        Self::PrecisionSwitch,
        Self::RowSum,
        Self::ColumnSum,
        Self::Combiner,
        Self::AccumulatorAdder,
        Self::Requantizer,
        Self::RegisterBit,
    ];
}

impl Event {
    /// Its name in energy files and in lists of what such a file lacks.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PeCycle => "pe_cycle",
            Self::PeWeight => "pe_weight",
            Self::SwitchWord => "switch_word",
            Self::RowSumCycle => "row_sum_cycle",
            Self::ColumnSumWord => "column_sum_word",
            Self::CombineCycle => "combine_cycle",
            Self::AccumulateCycle => "accumulate_cycle",
            Self::RequantizeValue => "requantize_value",
            Self::RequantizerCycle => "requantizer_cycle",
            Self::StreamBit => "stream_bit",
            Self::DramBit => "dram_bit",
        }
    }

    /// Every event.
    pub const ALL: [Self; 11] = [
        Self::PeCycle,
        Self::PeWeight,
        Self::SwitchWord,
        Self::RowSumCycle,
        Self::ColumnSumWord,
        Self::CombineCycle,
        Self::AccumulateCycle,
        Self::RequantizeValue,
        Self::RequantizerCycle,
        Self::StreamBit,
        Self::DramBit,
    ];

    /// The registers whose toggles its energy follows; none where it does not follow data.
    pub const fn groups(self) -> &'static [Group] {
        match self {
            Self::PeCycle => &[Group::PeActivations, Group::PeProducts, Group::PePsums],
            Self::PeWeight => &[Group::PeWeights, Group::PeControl],
            Self::SwitchWord => &[Group::WeightReads],
            Self::RowSumCycle => &[Group::RowSums],
            Self::ColumnSumWord => &[Group::ColumnSums],
            Self::CombineCycle => &[Group::Combiners],
            Self::AccumulateCycle => &[Group::Accumulators],
            Self::RequantizeValue | Self::RequantizerCycle => &[Group::Requantizers],
            Self::StreamBit | Self::DramBit => &[],
        }
    }
}
