//! The sizes of a machine, as axes of a grid.

use crumb_arch::ArrayConfig;

/// A size of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Rows of PEs.
    Rows,
    /// Columns of PEs.
    Cols,
    /// Activation words per row and cycle.
    Depth,
    /// Lines of the activation buffer.
    ActivationLines,
    /// Addresses of the weight memory.
    WeightWords,
    /// Words of a weight bus.
    WeightBus,
    /// Entries of the parameter memory.
    ParameterEntries,
    /// Rows of one half of the accumulator memory.
    AccumulatorRows,
    /// Accumulator banks that a drain reads in a cycle.
    DrainBanks,
    /// Width of both streams, in bits.
    StreamBits,
}

impl Field {
    /// All of them, in the order of [`ArrayConfig`].
    pub const ALL: [Self; 10] = [
        Self::Rows,
        Self::Cols,
        Self::Depth,
        Self::ActivationLines,
        Self::WeightWords,
        Self::WeightBus,
        Self::ParameterEntries,
        Self::AccumulatorRows,
        Self::DrainBanks,
        Self::StreamBits,
    ];

    /// Name in configurations, grids and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Cols => "cols",
            Self::Depth => "depth",
            Self::ActivationLines => "activation_lines",
            Self::WeightWords => "weight_words",
            Self::WeightBus => "weight_bus",
            Self::ParameterEntries => "parameter_entries",
            Self::AccumulatorRows => "accumulator_rows",
            Self::DrainBanks => "drain_banks",
            Self::StreamBits => "stream_bits",
        }
    }

    /// Its part of a machine's name.
    pub(super) const fn initials(self) -> &'static str {
        match self {
            Self::Rows => "r",
            Self::Cols => "c",
            Self::Depth => "d",
            Self::ActivationLines => "al",
            Self::WeightWords => "ww",
            Self::WeightBus => "wb",
            Self::ParameterEntries => "pe",
            Self::AccumulatorRows => "ar",
            Self::DrainBanks => "db",
            Self::StreamBits => "sb",
        }
    }

    /// Its value on a machine.
    pub const fn of(self, config: &ArrayConfig) -> usize {
        match self {
            Self::Rows => config.rows,
            Self::Cols => config.cols,
            Self::Depth => config.depth,
            Self::ActivationLines => config.activation_lines,
            Self::WeightWords => config.weight_words,
            Self::WeightBus => config.weight_bus,
            Self::ParameterEntries => config.parameter_entries,
            Self::AccumulatorRows => config.accumulator_rows,
            Self::DrainBanks => config.drain_banks,
            Self::StreamBits => config.stream_bits,
        }
    }

    /// The machine with another value.
    #[must_use]
    pub const fn with(self, mut config: ArrayConfig, value: usize) -> ArrayConfig {
        let field = match self {
            Self::Rows => &mut config.rows,
            Self::Cols => &mut config.cols,
            Self::Depth => &mut config.depth,
            Self::ActivationLines => &mut config.activation_lines,
            Self::WeightWords => &mut config.weight_words,
            Self::WeightBus => &mut config.weight_bus,
            Self::ParameterEntries => &mut config.parameter_entries,
            Self::AccumulatorRows => &mut config.accumulator_rows,
            Self::DrainBanks => &mut config.drain_banks,
            Self::StreamBits => &mut config.stream_bits,
        };
        *field = value;
        config
    }
}

/// A name that tells machines apart: every size, as `r16_c16_d1_al2048_ww2048_wb4_pe64_ar512_db4_sb128`.
pub fn machine_name(config: &ArrayConfig) -> String {
    Field::ALL.map(|field| format!("{}{}", field.initials(), field.of(config))).join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_every_size() {
        let large = ArrayConfig::named("large").unwrap();
        assert_eq!(machine_name(&large), "r16_c16_d1_al2048_ww2048_wb4_pe64_ar512_db4_sb128");
        for (i, field) in Field::ALL.into_iter().enumerate() {
            let changed = field.with(large.clone(), 7);
            assert_eq!(field.of(&changed), 7);
            let different = Field::ALL.into_iter().filter(|other| other.of(&changed) != other.of(&large));
            assert_eq!(different.collect::<Vec<_>>(), [field], "{i}");
            assert_ne!(machine_name(&changed), machine_name(&large));
        }
    }
}
