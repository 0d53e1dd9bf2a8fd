//! The PE beside one of fixed width, in the same gates, and beside Bit Fusion's unit.

use crate::energies::Measured;
use crate::model::Model;
use crate::power::Standing;
use crate::subject::Block;
use crate::vocabulary::Event;
use crate::workload::Data;
use std::fmt::Write;

/// Blocks that must be mapped for it.
pub const BLOCKS: [Block; 3] = [Block::Pe, Block::FixedPe, Block::FixedPeUnsigned];
/// Area and energy of Bit Fusion's unit over a unit of fixed 8 bits (Sharma et al., ISCA 2018, 45 nm).
const BIT_FUSION_TO_FIXED: (f64, f64) = (3.40, 2.26);

/// Clock at which leakage is shared out to cycles, MHz.
const MEGAHERTZ: f64 = 100.0;

/// A table with a line for each measurement of the PE: pJ per MAC of its gates, and with its registers' clock and leakage at 100 MHz; those over a8w8's,
/// and over the fixed PE's on the same data; and those of `published`, the energy file of Bit Fusion's unit.
pub fn text(blocks: &[(Block, Standing)], measured: &[Measured], published: &Model) -> String {
    let standing = |block: Block| blocks.iter().find(|(b, _)| *b == block).map(|(_, standing)| standing);
    let area = |block: Block| standing(block).map_or(f64::NAN, |s| s.area);
    let mut text = format!(
        "area: {:.0} um^2, {:.2} times that of a PE for int8 alone (Bit Fusion's unit: {:.2} times)\n\n\
         \x20                 pJ per MAC      |     to a8w8      |   to int8 alone  |       Bit Fusion, 45 nm\n\
         operands  mode   gates  and clock |  gates and clock |  gates and clock | pJ per MAC  to a8w8  to int8\n",
        area(Block::Pe),
        area(Block::Pe) / area(Block::FixedPe),
        BIT_FUSION_TO_FIXED.0
    );
    let per_mac = |m: &Measured| {
        let gates = m.energy.dynamic();
        // nW / MHz are fJ a cycle.
        let always = standing(m.block).map_or(f64::NAN, |s| s.clock + s.leakage / MEGAHERTZ / 1000.0);
        [gates, gates + always].map(|pj| pj / m.mode.macs() as f64)
    };
    let unit = |m: &Measured| Some(published.event.get(&Event::PeCycle)?.at(m.mode)? / m.mode.macs() as f64);
    for data in Data::FILES {
        let of = |wanted: &dyn Fn(Block) -> bool| measured.iter().filter(move |m| m.data == data).find(|m| wanted(m.block));
        let Some(fixed) = of(&|block| block != Block::Pe) else { continue };
        let Some(widest) = of(&|block| block == Block::Pe) else { continue };
        for m in measured.iter().filter(|m| m.data == data && m.block == Block::Pe) {
            let [own, base, other] = [m, widest, fixed].map(per_mac);
            let ratio = |to: [f64; 2]| [own[0] / to[0], own[1] / to[1]];
            let ([gates, all], [fixed_gates, fixed_all]) = (ratio(base), ratio(other));
            let _ = write!(
                text,
                "{:9} {:5} {:>6.2} {:>10.2} | {gates:>6.3} {all:>9.3} | {fixed_gates:>6.3} {fixed_all:>9.3} |",
                data.name(),
                m.mode.to_string(),
                own[0],
                own[1],
            );
            if let (Some(pj), Some(base)) = (unit(m), unit(widest)) {
                let _ = write!(text, " {pj:>10.3} {:>8.3} {:>8.3}", pj / base, pj / base * BIT_FUSION_TO_FIXED.1);
            }
            text.push('\n');
        }
        let [gates, all] = per_mac(fixed);
        let _ = writeln!(text, "{:9} int8  {gates:>6.2} {all:>10.2} |  alone", data.name());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::power::Energy;
    use crate::workload::Mode;
    use std::path::Path;

    #[test]
    fn ratios_are_those_of_macs_on_the_same_data() {
        let model = include_str!("../bitfusion-45nm.toml");
        let model = Model::parse(model, Path::new("bitfusion-45nm.toml")).unwrap();
        let measured = |block, mode: Mode, logic| Measured {
            block,
            data: Data::Uniform,
            mode,
            energy: Energy { logic, ..Energy::default() },
            aside: 0.0,
            asides: 0.0,
            toggles: 0.0,
            aside_toggles: 0.0,
            edges: 0.0,
            nets: 1,
        };
        let mode = |macs| Mode::all().find(|mode| mode.macs() == macs).unwrap();
        let (widest, narrowest) = (mode(1), mode(16));
        let all =
            [measured(Block::Pe, widest, 30.0), measured(Block::FixedPe, widest, 40.0), measured(Block::Pe, narrowest, 48.0)];
        let standing = |area, clock| Standing { area, clock, leakage: 1e5, ..Standing::default() };
        let found = text(&[(Block::Pe, standing(200.0, 49.0)), (Block::FixedPe, standing(100.0, 19.0))], &all, &model);
        let lines: Vec<&str> = found.lines().collect();
        assert!(lines[0].starts_with("area: 200 um^2, 2.00 times"), "{}", lines[0]);
        let cells = |line: &str| line.replace('|', " ").split_whitespace().map(String::from).collect::<Vec<_>>().join(" ");
        // 30 + 49 + 1 of clock and leakage, over 40 + 19 + 1; 48 and 98 for 16 MACs.
        assert_eq!(cells(lines[4]), "uniform a8w8 30.00 80.00 1.000 1.000 0.750 1.333 0.459 1.000 2.260");
        assert_eq!(cells(lines[5]), "uniform a2w2 3.00 6.12 0.100 0.077 0.075 0.102 0.029 0.063 0.143");
        assert_eq!(cells(lines[6]), "uniform int8 40.00 60.00 alone");
    }
}
