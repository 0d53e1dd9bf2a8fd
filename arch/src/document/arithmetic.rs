//! The tables of `docs/arithmetic.md`.

use super::table;
use crate::config::{ArrayConfig, NAMES};
use crate::precision::{ActBits, Rounding, WeightBits, macs_per_pe, range};
use crate::requantizer::{ChannelScale, OutputFormat, requantize};
use crate::switch::WeightFormat;

/// The name and the text of each table.
pub fn tables() -> [(&'static str, String); 7] {
    [
        ("fission", fission()),
        ("switch", switch()),
        ("slices", slices()),
        ("shifts", shifts()),
        ("widths", widths()),
        ("int32", int32()),
        ("requantizer", requantizer()),
    ]
}

/// Weights that show the ends of the range, both ties and both sides of zero.
const WEIGHTS: [i8; 9] = [-128, -96, -33, -32, -5, 5, 32, 96, 127];

fn fission() -> String {
    table(
        ["MACs per PE and cycle", "W8, W6", "W4", "W2"],
        ActBits::ALL.map(|a| {
            let [w8, w4, w2] = WeightBits::LANE_WIDTHS.map(|w| macs_per_pe(a, w).to_string());
            [format!("A{a}"), w8, w4, w2]
        }),
    )
}

fn switch() -> String {
    const NARROW: [WeightBits; 3] = [WeightBits::W6, WeightBits::W4, WeightBits::W2];
    let modes: Vec<_> = NARROW.into_iter().flat_map(|w| Rounding::ALL.map(|r| WeightFormat::top(w, r))).collect();
    let header: [String; 10] =
        std::array::from_fn(
            |i| if i == 0 { "w".to_owned() } else { format!("W{} {}", modes[i - 1].bits, modes[i - 1].rounding) },
        );
    table(
        header.each_ref().map(String::as_str),
        WEIGHTS.map(|w| std::array::from_fn(|i| if i == 0 { w.to_string() } else { modes[i - 1].apply(w).to_string() })),
    )
}

fn slices() -> String {
    let of = |bits, slice, w| WeightFormat { bits, slice, rounding: Rounding::Floor }.apply(w);
    table(
        ["w", "W4 slices 0, 1", "restored", "W2 slices 0, 1, 2, 3", "restored"],
        WEIGHTS.map(|w| {
            let [a, b] = [0, 1].map(|slice| of(WeightBits::W4, slice, w));
            let [c, d, e, f] = [0, 1, 2, 3].map(|slice| of(WeightBits::W2, slice, w));
            [
                w.to_string(),
                format!("{a}, {b}"),
                format!("16 * {a} + {b} = {}", 16 * a + b),
                format!("{c}, {d}, {e}, {f}"),
                format!("64 * {c} + 16 * {d} + 4 * {e} + {f} = {}", 64 * c + 16 * d + 4 * e + f),
            ]
        }),
    )
}

fn shifts() -> String {
    let rows = WeightBits::ALL.into_iter().flat_map(|bits| {
        (0..bits.slices()).map(move |slice| {
            let format = WeightFormat { bits, slice, rounding: Rounding::Floor };
            let (lo, hi) = format.range();
            let signed = if format.signed() { "signed" } else { "unsigned" };
            [
                format!("W{bits}"),
                slice.to_string(),
                format!("{signed}, {lo} to {hi}"),
                format!("2^{}", format.exponent()),
                (format.exponent() / 2).to_string(),
            ]
        })
    });
    table(["width", "slice", "delivered weight", "stands for", "`shift`, in crumbs, to int8 units"], rows)
}

fn widths() -> String {
    let configs = NAMES.into_iter().filter_map(|name| ArrayConfig::named(name).ok());
    table(
        [
            "configuration",
            "n = rows * depth",
            "largest psum, 765 n",
            "psum bits hold",
            "lane bits hold, signed",
            "largest weight crumb sum, 12 n",
            "crumb sum bits hold",
        ],
        configs.map(|c| {
            let n = c.rows * c.depth;
            let below = |bits: u32| format!("{bits} bits: below 2^{bits} = {}", 1u64 << bits);
            let signed = |bits: u32| format!("{bits} bits: magnitude below 2^{0} = {1}", bits - 1, 1u64 << (bits - 1));
            [
                format!("`{}`", c.name),
                n.to_string(),
                (765 * n).to_string(),
                below(c.psum_bits()),
                signed(c.lane_bits()),
                (12 * n).to_string(),
                below(c.crumb_sum_bits()),
            ]
        }),
    )
}

fn int32() -> String {
    let magnitude = |(lo, hi): (i32, i32)| lo.unsigned_abs().max(hi.unsigned_abs());
    let longest = |a: ActBits, signed: bool, w: WeightBits| {
        let product = magnitude(a.range(signed)) * magnitude(range(w.bits(), true));
        (i32::MAX as u32 / product).to_string()
    };
    let rows = ActBits::ALL.into_iter().flat_map(|a| {
        [(true, "signed"), (false, "unsigned")].map(|(signed, name)| {
            let [w8, w6, w4, w2] = WeightBits::ALL.map(|w| longest(a, signed, w));
            [format!("A{a} {name}"), w8, w6, w4, w2]
        })
    });
    table(["largest K", "W8", "W6", "W4", "W2"], rows)
}

fn requantizer() -> String {
    const CASES: [(i32, i32, f32, i16); 7] = [
        (12_345, -100, 0.0123, 0),
        (-5_000, 0, 0.0123, 3),
        (1, 0, 0.5, 0),
        (3, 0, 0.5, 0),
        (16_777_217, 0, 0.000_005, 0),
        (-1, 0, 0.5, 7),
        (200_000, 0, 0.001, -128),
    ];
    let rows = CASES.into_iter().filter_map(|(acc, bias, multiplier, zero_point)| {
        let scale = ChannelScale::from_f32(bias, multiplier).ok()?;
        let format = OutputFormat::full_range(ActBits::A8, true, zero_point);
        let product = (acc.wrapping_add(bias) as f32) * multiplier;
        Some([
            acc.to_string(),
            bias.to_string(),
            format!("{multiplier}"),
            format!("{} * 2^-{}", scale.significand, scale.shift),
            format!("{product}"),
            zero_point.to_string(),
            requantize(acc, scale, &format).to_string(),
        ])
    });
    table(["acc", "bias", "multiplier", "significand and shift", "float32 product", "zero point", "int8 output"], rows)
}
