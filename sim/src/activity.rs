//! Activity: how many bits of the machine's registers change, block by block, on the data that it really works on.
//!
//! ```text
//!   cycle n          cycle n + 1
//!   psum_0 = 1011    psum_0 = 1101     two toggles of the group `pe_psums`, in cycle n
//! ```
//!
//! Every register of [`Machine::visit`] belongs to one [`Group`]. Paths are looked up once, when the counter is made; a cycle then costs
//! one walk over the registers without their names, and a comparison with the values of the cycle before. A machine that is not
//! stepped through a counter costs nothing. Memories are no registers: what they deliver is.
//!
//! Invariant: the toggles of a group are those that a waveform ([`crate::vcd`]) of the same window shows of its registers.

use crate::Machine;
use crate::trace::{Visitor, number};
use crate::vcd::WaveWindow;
use crumb_arch::boundary::Inputs;
use std::fmt::Display;
use std::ops::{AddAssign, Index, IndexMut, Sub};

/// Registers that are counted together, in the order of the data's way through the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Lines of the streams in and out, and those on their way into the memories.
    Streams,
    /// Commands, addresses, tokens: what is no data.
    Control,
    /// The performance counters.
    Counters,
    /// Words read from the activation buffer, and the same at the array's edge.
    ActivationReads,
    /// Words read from the weight memory, and what the precision switches make of them.
    WeightReads,
    /// Activations in PEs.
    PeActivations,
    /// Weights in PEs: on their way down, shadow and active.
    PeWeights,
    /// Products of bricks in PEs: the pair and sum registers of brick columns, and the trees of deep PEs.
    PeProducts,
    /// Partial sums in PEs.
    PePsums,
    /// Control in PEs: load, swap and the mode.
    PeControl,
    /// Sums of activations, row by row.
    RowSums,
    /// Sums of weights, column by column.
    ColumnSums,
    /// Combiners: lanes, values, and the tokens that go with them.
    Combiners,
    /// Results of the accumulators' adders.
    Accumulators,
    /// Sums that the accumulator memories deliver to the requantizers.
    ReadStage,
    /// Requantizers.
    Requantizers,
}

impl Group {
    /// Groups there are.
    pub const COUNT: usize = 16;

    /// Every group.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Streams,
        Self::Control,
        Self::Counters,
        Self::ActivationReads,
        Self::WeightReads,
        Self::PeActivations,
        Self::PeWeights,
        Self::PeProducts,
        Self::PePsums,
        Self::PeControl,
        Self::RowSums,
        Self::ColumnSums,
        Self::Combiners,
        Self::Accumulators,
        Self::ReadStage,
        Self::Requantizers,
    ];

    /// Its name in tables and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Streams => "streams",
            Self::Control => "control",
            Self::Counters => "counters",
            Self::ActivationReads => "activation_reads",
            Self::WeightReads => "weight_reads",
            Self::PeActivations => "pe_activations",
            Self::PeWeights => "pe_weights",
            Self::PeProducts => "pe_products",
            Self::PePsums => "pe_psums",
            Self::PeControl => "pe_control",
            Self::RowSums => "row_sums",
            Self::ColumnSums => "column_sums",
            Self::Combiners => "combiners",
            Self::Accumulators => "accumulators",
            Self::ReadStage => "read_stage",
            Self::Requantizers => "requantizers",
        }
    }

    /// The group of the register at a path of [`Machine::registers`], such as `array.pe_9.psum_2`; none for paths that no machine has.
    pub fn of(path: &str) -> Option<Self> {
        let (scopes, register) = path.rsplit_once('.')?;
        let block = scopes.split('.').find(|scope| *scope != "array")?;
        let starts = |names: &[&str]| names.iter().any(|name| register.starts_with(name));
        Some(match block.trim_end_matches(|c: char| c.is_ascii_digit()) {
            "stream_in" | "stream_out" | "output_fifo" | "packer" | "weight_memory" | "parameter_memory" => Self::Streams,
            "decoder" | "tile_queue" | "sequencer" | "drain" | "skew" => Self::Control,
            "counters" => Self::Counters,
            "row_edge_" if starts(&["word", "act"]) => Self::ActivationReads,
            "column_edge_" if starts(&["word", "weight"]) => Self::WeightReads,
            "pe_" if starts(&["act"]) && !starts(&["active"]) => Self::PeActivations,
            "pe_" if starts(&["weight", "shadow", "active"]) => Self::PeWeights,
            "pe_" if starts(&["pair", "sum", "tree"]) => Self::PeProducts,
            "pe_" if starts(&["psum"]) => Self::PePsums,
            "pe_" => Self::PeControl,
            "row_sum_" => Self::RowSums,
            "column_sum_" => Self::ColumnSums,
            "combiner_" => Self::Combiners,
            "accumulator_" if starts(&["result"]) => Self::Accumulators,
            "read_stage" if starts(&["word"]) => Self::ReadStage,
            "requantizer_" => Self::Requantizers,
            "row_edge_" | "column_edge_" | "accumulator_" | "read_stage" => Self::Control,
            _ => return None,
        })
    }
}

/// Bit toggles of every group, and the cycles in which they were seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Cycles observed.
    pub cycles: u64,
    /// Toggles, by group.
    toggles: [u64; Group::COUNT],
}

impl Activity {
    /// Every group with its toggles.
    pub fn iter(&self) -> impl Iterator<Item = (Group, u64)> {
        Group::ALL.into_iter().zip(self.toggles)
    }

    /// Toggles of all groups.
    pub fn total(&self) -> u64 {
        self.toggles.iter().sum()
    }
}

impl Index<Group> for Activity {
    type Output = u64;

    fn index(&self, group: Group) -> &u64 {
        &self.toggles[group as usize]
    }
}

impl IndexMut<Group> for Activity {
    fn index_mut(&mut self, group: Group) -> &mut u64 {
        &mut self.toggles[group as usize]
    }
}

impl AddAssign for Activity {
    fn add_assign(&mut self, other: Self) {
        self.cycles += other.cycles;
        self.toggles.iter_mut().zip(other.toggles).for_each(|(sum, toggles)| *sum += toggles);
    }
}

impl Sub for Activity {
    type Output = Self;

    /// What came after `before`, a former state of the same counter.
    fn sub(mut self, before: Self) -> Self {
        self.cycles -= before.cycles;
        self.toggles.iter_mut().zip(before.toggles).for_each(|(now, before)| *now -= before);
        self
    }
}

/// Counts the toggles of one machine, which must make its steps through this counter alone.
pub struct ActivityCounter {
    window: WaveWindow,
    /// Registers that stand side by side in a visit and belong to one group: the end of each run, and its group.
    runs: Vec<(usize, Group)>,
    /// Values in the order of the visit, parts of 64 bits each: those before the clock edge, and room for those after it.
    values: [Vec<u64>; 2],
    activity: Activity,
}

impl ActivityCounter {
    /// A counter of the cycles of `window`.
    pub fn new(machine: &Machine, window: WaveWindow) -> Self {
        let mut names = Names::default();
        machine.visit(&mut names);
        let mut runs: Vec<(usize, Group)> = Vec::new();
        for (index, group) in names.groups.iter().enumerate() {
            match runs.last_mut() {
                Some((end, last)) if last == group => *end = index + 1,
                _ => runs.push((index + 1, *group)),
            }
        }
        let values = [vec![0; names.groups.len()], vec![0; names.groups.len()]];
        let mut counter = Self { window, runs, values, activity: Activity::default() };
        counter.look(machine);
        counter
    }

    /// One clock cycle of the machine for which this counter was made, counted if the window contains it.
    pub fn step(&mut self, machine: &mut Machine, inputs: &Inputs) {
        machine.step(inputs);
        self.stepped(machine);
    }

    /// For machines that something else steps, such as a waveform's writer: to be called after every cycle.
    pub fn stepped(&mut self, machine: &Machine) {
        let next = machine.cycle();
        let counted = self.window.contains(next.wrapping_sub(1));
        if !counted && !self.window.contains(next) {
            return;
        }
        self.look(machine);
        if counted {
            self.count();
        }
    }

    /// What was counted so far.
    pub fn activity(&self) -> &Activity {
        &self.activity
    }

    /// The values now become those before the next edge.
    fn look(&mut self, machine: &Machine) {
        self.values.swap(0, 1);
        machine.visit(&mut Look { values: self.values[0].iter_mut() });
    }

    /// Adds the bits in which the two last looks differ.
    fn count(&mut self) {
        let [now, before] = &self.values;
        let mut start = 0;
        for &(end, group) in &self.runs {
            let pairs = now[start..end].iter().zip(&before[start..end]);
            self.activity[group] += pairs.map(|(now, before)| u64::from((now ^ before).count_ones())).sum::<u64>();
            start = end;
        }
        self.activity.cycles += 1;
    }
}

/// Takes the values of a visit.
struct Look<'a> {
    values: std::slice::IterMut<'a, u64>,
}

impl Visitor for Look<'_> {
    #[inline(always)]
    fn scope(&mut self, _: impl Display) {}

    #[inline(always)]
    fn end(&mut self) {}

    #[inline(always)]
    fn register(&mut self, _: impl Display, _: u32, new: u64) {
        if let Some(value) = self.values.next() {
            *value = new;
        }
    }

    fn wide(&mut self, _: impl Display, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            self.register("", 64, number(part));
        }
    }
}

/// Finds the group of every value that [`Look`] will take.
#[derive(Default)]
struct Names {
    scopes: Vec<String>,
    groups: Vec<Group>,
}

impl Visitor for Names {
    fn scope(&mut self, name: impl Display) {
        self.scopes.push(name.to_string());
    }

    fn end(&mut self) {
        self.scopes.pop();
    }

    fn register(&mut self, name: impl Display, _: u32, _: u64) {
        let path = format!("{}.{name}", self.scopes.join("."));
        // Every register has a group, as the tests show; one that had none would be no data.
        self.groups.push(Group::of(&path).unwrap_or(Group::Control));
    }
}
