//! The requantizers of all columns: int32 accumulators in, 8-bit outputs 13 cycles later, one (`drain_banks = 4`: four) per column and cycle.
//!
//! ```text
//! acc[c], entry[c] --> [ 13 stages of crumb_arch::requantizer::stages ] --> value[c]
//! ```
//!
//! Latency: `crumb_arch::requantizer::LATENCY`. Invariant: every register loads in every cycle, as in the RTL. Every stage is a function of
//! the stage before it and of the drain's format, so after `LATENCY` cycles of the same inputs and format no register can change
//! until one of them does, and the cycle costs only the comparison.

use crate::trace::Visitor;
use crumb_arch::requantizer::stages::{Input, Registers};
use crumb_arch::requantizer::{ChannelScale, LATENCY, OutputFormat};

/// One requantizer for each column.
#[derive(Clone, Debug)]
pub struct Requantizers {
    columns: Vec<Registers>,
    values: Vec<u8>,
    inputs: Vec<Input>,
    format: OutputFormat,
    /// Cycles for which inputs and format have been the same, up to `LATENCY`: then the pipeline is in its steady state.
    same_cycles: usize,
}

impl Requantizers {
    /// The requantizers of `columns` columns at power-up.
    pub fn new(columns: usize) -> Self {
        Self {
            columns: vec![Registers::default(); columns],
            values: vec![0; columns],
            inputs: vec![Input::default(); columns],
            format: OutputFormat::default(),
            same_cycles: 0,
        }
    }

    /// One clock edge: `accumulators` and the 64-bit parameter `entries` of the columns, and the format of the drain.
    ///
    /// A column without an accumulator or an entry keeps its inputs.
    pub fn step(&mut self, accumulators: &[i32], entries: &[u64], format: impl Into<OutputFormat>) {
        let format = format.into();
        let mut same = format == self.format;
        for (input, (&acc, &entry)) in self.inputs.iter_mut().zip(accumulators.iter().zip(entries)) {
            let new = Input::new(acc, ChannelScale::from_entry(entry));
            same &= new == *input;
            *input = new;
        }
        self.format = format;
        self.same_cycles = if same { self.same_cycles + 1 } else { 1 };
        if self.same_cycles > LATENCY {
            self.same_cycles = LATENCY;
            return;
        }
        for ((registers, value), &input) in self.columns.iter_mut().zip(&mut self.values).zip(&self.inputs) {
            registers.step(input, &format);
            *value = registers.value.value;
        }
    }

    /// The output registers, one for each column: outputs of the inputs of `LATENCY` cycles ago.
    pub fn values(&self) -> &[u8] {
        &self.values
    }

    /// The registers of the columns.
    pub fn registers(&self) -> &[Registers] {
        &self.columns
    }

    /// Every register, in scopes `requantizer_0`, `requantizer_1` and so on, and `multiplier` inside each.
    pub fn visit(&self, v: &mut impl Visitor) {
        for (c, registers) in self.columns.iter().enumerate() {
            v.scope(format_args!("requantizer_{c}"));
            let mut in_multiplier = false;
            registers.visit(|name, width, value| {
                let inner = name.strip_prefix("multiplier.");
                match (in_multiplier, inner.is_some()) {
                    (false, true) => v.scope("multiplier"),
                    (true, false) => v.end(),
                    _ => {}
                }
                in_multiplier = inner.is_some();
                v.register(inner.unwrap_or(name), width, value);
            });
            v.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Collector;
    use crumb_arch::precision::ActBits;
    use crumb_arch::requantizer::requantize;

    const COLUMNS: usize = 5;

    /// SplitMix64.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ z >> 31
        }

        fn acc(&mut self) -> i32 {
            let down = self.next() % 32;
            self.next() as i32 >> down
        }

        fn entry(&mut self) -> u64 {
            ChannelScale {
                bias: self.acc() >> 8,
                significand: (self.next() as u32 >> 8) | 1 << 23,
                shift: 20 + (self.next() % 36) as u8,
            }
            .encode()
        }
    }

    fn format(random: &mut Random) -> OutputFormat {
        let width = ActBits::ALL[(random.next() % 3) as usize];
        OutputFormat {
            exponent_adjust: (random.next() % 64) as i8 - 32,
            ..OutputFormat::full_range(width, random.next() & 1 == 0, (random.next() % 384) as i16 - 128)
        }
    }

    /// Bursts, idle stretches longer and shorter than the pipeline, and changes of the format at any time: always the registers of a pipeline
    /// that never skips.
    #[test]
    fn a_steady_state_is_skipped_without_a_trace() {
        let mut random = Random(1);
        let mut twin = Requantizers::new(COLUMNS);
        let mut plain = [Registers::default(); COLUMNS];
        let (mut accs, mut entries) = ([0; COLUMNS], [0; COLUMNS]);
        let mut now = OutputFormat::default();
        let mut skipped = 0;
        for _ in 0..20_000 {
            let stretch = 1 + random.next() % 40;
            let busy = random.next() & 1 == 0;
            if random.next() & 3 == 0 {
                now = format(&mut random);
            }
            for _ in 0..stretch {
                if busy {
                    accs = std::array::from_fn(|_| random.acc());
                    entries = std::array::from_fn(|_| random.entry());
                }
                let full = twin.same_cycles == LATENCY;
                twin.step(&accs, &entries, now);
                skipped += u32::from(full && twin.same_cycles == LATENCY);
                for c in 0..COLUMNS {
                    plain[c].step(Input::new(accs[c], ChannelScale::from_entry(entries[c])), &now);
                }
                assert_eq!(twin.registers(), &plain);
                assert!(twin.values().iter().zip(&plain).all(|(&value, p)| value == p.value.value));
            }
        }
        assert!(skipped > 1000, "only {skipped} cycles were skipped");
    }

    #[test]
    fn values_are_those_of_the_function_latency_cycles_ago() {
        let mut random = Random(2);
        for _ in 0..100 {
            let now = format(&mut random);
            let mut twin = Requantizers::new(COLUMNS);
            let mut history = Vec::new();
            for t in 0..100 {
                let accs: [i32; COLUMNS] = std::array::from_fn(|_| random.acc());
                let entries: [u64; COLUMNS] = std::array::from_fn(|_| random.entry());
                if t >= LATENCY {
                    let (accs, entries): ([i32; COLUMNS], [u64; COLUMNS]) = history[t - LATENCY];
                    for c in 0..COLUMNS {
                        let expected = requantize(accs[c], ChannelScale::from_entry(entries[c]), &now) as u8;
                        assert_eq!(twin.values()[c], expected);
                    }
                }
                twin.step(&accs, &entries, now);
                history.push((accs, entries));
            }
        }
    }

    #[test]
    fn every_register_is_visited_in_its_scope() {
        let mut random = Random(3);
        let mut twin = Requantizers::new(2);
        for _ in 0..20 {
            twin.step(&[random.acc(), random.acc()], &[random.entry(), random.entry()], format(&mut random));
        }
        let mut found = Collector::default();
        twin.visit(&mut found);
        let mut expected = Vec::new();
        for (c, registers) in twin.registers().iter().enumerate() {
            registers.visit(|name, width, value| expected.push((format!("requantizer_{c}.{name}"), width, value)));
        }
        let found: Vec<_> = found.registers.into_iter().map(|r| (r.path, r.width, r.value)).collect();
        assert_eq!(found, expected);
        assert!(found.contains(&("requantizer_1.multiplier.product".into(), 48, twin.registers()[1].product.product)));
    }

    #[test]
    fn missing_inputs_do_not_panic() {
        let mut twin = Requantizers::new(3);
        twin.step(&[1], &[], OutputFormat::default());
        twin.step(&[1; 9], &[2; 9], OutputFormat::default());
        assert_eq!(twin.values(), [0; 3]);
        Requantizers::new(0).step(&[], &[], OutputFormat::default());
    }
}
