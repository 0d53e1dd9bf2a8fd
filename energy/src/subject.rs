//! What is measured: a block's gates, and how its ports are connected.

use crate::blocks::{self, Place, Stimulus};
use crate::error::EnergyError;
use crate::measure::silenced;
use crate::netlist::Netlist;
use crate::power::{Standing, standing};
use crate::synthesis::Technology;
use crate::tap::Tap;
use crate::timing::{Timing, WIRE_PF};
use crumb_arch::ArrayConfig;
use std::fs;
use std::path::Path;

/// The blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Block {
    /// A PE of Crumb.
    Pe,
    /// A PE for int8 weights and int8 activations.
    FixedPe,
    /// The same for uint8 activations.
    FixedPeUnsigned,
    /// The bricks of a PE.
    Bricks,
    /// One brick column's adders.
    BrickColumn,
    /// One crumb column's psum adder.
    PsumAdder,
    /// A column's precision switch.
    PrecisionSwitch,
    /// A row's sum of activations.
    RowSum,
    /// A column's sum of weights.
    ColumnSum,
    /// A column's combiner.
    Combiner,
    /// A column's accumulator without its memories.
    AccumulatorAdder,
    /// A column's requantizer.
    Requantizer,
}

/// Verilog that is not generated: its module, its text.
type Own = (&'static str, &'static str);
const FIXED_PE: Own = ("fixed_pe", include_str!("../verilog/fixed_pe.v"));
const PSUM_ADDER: Own = ("psum_adder", include_str!("../verilog/psum_adder.v"));
const ACCUMULATOR_ADDER: Own = ("accumulator_adder", include_str!("../verilog/accumulator_adder.v"));

impl Block {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Pe,
        Self::FixedPe,
        Self::FixedPeUnsigned,
        Self::Bricks,
        Self::BrickColumn,
        Self::PsumAdder,
        Self::PrecisionSwitch,
        Self::RowSum,
        Self::ColumnSum,
        Self::Combiner,
        Self::AccumulatorAdder,
        Self::Requantizer,
    ];

    /// Its name in tables and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pe => "pe",
            Self::FixedPe => "fixed_pe",
            Self::FixedPeUnsigned => "fixed_pe_u8",
            Self::Bricks => "bricks",
            Self::BrickColumn => "pe_column",
            Self::PsumAdder => "psum_adder",
            Self::PrecisionSwitch => "precision_switch",
            Self::RowSum => "row_sum",
            Self::ColumnSum => "column_sum",
            Self::Combiner => "combiner",
            Self::AccumulatorAdder => "accumulator_adder",
            Self::Requantizer => "requantizer",
        }
    }

    /// What is at its ports.
    pub fn stimulus(self, tap: &mut Tap<'_>, at: &Place) -> Stimulus {
        match self {
            Self::Pe => blocks::pe(tap, at),
            Self::FixedPe | Self::FixedPeUnsigned => blocks::fixed_pe(tap, at),
            Self::Bricks => blocks::bricks(tap, at),
            Self::BrickColumn => blocks::brick_column(tap, at),
            Self::PsumAdder => blocks::psum_adder(tap, at),
            Self::PrecisionSwitch => blocks::precision_switch(tap, at),
            Self::RowSum => blocks::row_sum(tap, at),
            Self::ColumnSum => blocks::column_sum(tap, at),
            Self::Combiner => blocks::combiner(tap, at),
            Self::AccumulatorAdder => blocks::accumulator_adder(tap, at),
            Self::Requantizer => blocks::requantizer(tap, at),
        }
    }

    /// What is at its ports when only one kind of event is left of its work, which is counted apart: weights on their way down a PE,
    /// sums that a drain reads.
    pub fn aside(self, tap: &mut Tap<'_>, at: &Place) -> Option<Stimulus> {
        match self {
            Self::Pe => Some(silenced(&blocks::pe(tap, at), &["act_in", "psum_in0", "psum_in1", "psum_in2", "psum_in3"])),
            Self::FixedPe | Self::FixedPeUnsigned => Some(silenced(&blocks::fixed_pe(tap, at), &["act_in", "psum_in"])),
            Self::Requantizer => Some(blocks::requantizer_of_drains(tap, at)),
            _ => None,
        }
    }

    /// Its Verilog, and the parameters that it takes.
    fn own(self, config: &ArrayConfig) -> Option<(Own, Vec<(&'static str, u64)>)> {
        match self {
            Self::FixedPe => Some((FIXED_PE, vec![("ACT_SIGNED", 1)])),
            Self::FixedPeUnsigned => Some((FIXED_PE, vec![("ACT_SIGNED", 0)])),
            Self::PsumAdder => Some((PSUM_ADDER, vec![("PW", u64::from(config.psum_bits()))])),
            Self::AccumulatorAdder => Some((ACCUMULATOR_ADDER, Vec::new())),
            _ => None,
        }
    }
}

/// A block, mapped.
pub struct Subject {
    /// Which.
    pub block: Block,
    /// Its gates.
    pub netlist: Netlist,
    /// Their delays and energies.
    pub timing: Timing,
    /// What they cost by being there.
    pub standing: Standing,
}

impl Subject {
    /// Maps a block of a configuration to gates. `generated` is the file with the configuration's Verilog.
    ///
    /// # Errors
    /// If that fails.
    pub fn map(
        block: Block,
        config: &ArrayConfig,
        work: &Path,
        generated: &Path,
        technology: &Technology,
    ) -> Result<Self, EnergyError> {
        let netlist = match block.own(config) {
            None => {
                let module = format!("crumb_{}_{}", config.name, block.name());
                technology.map(work, generated, [&module, block.name()], &[])?
            }
            Some(((module, text), parameters)) => {
                let file = work.join(format!("{module}.source.v"));
                fs::write(&file, text).map_err(EnergyError::file("write", &file))?;
                technology.map(work, &file, [module, block.name()], &parameters)?
            }
        };
        let timing = Timing::of(&netlist, &technology.library, WIRE_PF)?;
        let standing = standing(&netlist, &technology.library);
        Ok(Self { block, netlist, timing, standing })
    }
}
