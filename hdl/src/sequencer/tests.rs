//! The sequencer against the definition of a tile: what is issued, in which order, and what a tile costs.

use super::*;
use crate::cosim::{Random, Recorder};
use crumb_arch::command::Pattern;
use crumb_arch::{ActBits, Command, Op, Rounding, Tile, WeightBits, WeightFormat};

const ROWS: usize = 4;

/// Cycles in which a row of PEs loads, and words in each.
fn loads(act: ActBits, bus: usize) -> (usize, usize) {
    (act.lanes().div_ceil(bus), act.lanes().min(bus))
}

fn random_tile(random: &mut Random, act: ActBits, rows: u16, bus: usize) -> Tile {
    let bits = WeightBits::ALL[random.below(4) as usize];
    let slice = random.below(u64::from(bits.slices())) as u8;
    let rounding = if slice == 0 { Rounding::from_code(random.below(3) as u8).unwrap() } else { Rounding::Floor };
    Tile {
        activations: random.below(900) as u16,
        rows,
        weights: random.below(900) as u16,
        k_words: 1 + random.below((ROWS * act.lanes() / bus) as u64) as u16,
        accumulator: random.below(200) as u16,
        half: random.below(2) as u8,
        accumulate: random.chance(50),
        shift: random.below(8) as u8,
        act,
        act_signed: random.chance(50),
        weight: WeightFormat::new(bits, slice, rounding).unwrap(),
        part: random.below(bits.passes() as u64) as u8,
    }
}

/// Image rows of a few vectors, or none.
fn random_pattern(random: &mut Random) -> Pattern {
    let columns = if random.chance(30) { u16::MAX } else { 1 + random.below(9) as u16 };
    Pattern { columns, stride: random.below(256) as u8, jump: random.next() as u16 }
}

/// Runs the tiles, offering each as soon as `gap` allows; returns the cycle of every start.
fn run(bench: &mut Recorder<Sequencer>, random: &mut Random, tiles: &[Tile], stalls: u64, bus: usize) -> Vec<u64> {
    let (mut issues, mut streams) = (Vec::new(), Vec::new());
    let patterns: Vec<Pattern> = tiles.iter().map(|_| random_pattern(random)).collect();
    for (tile, pattern) in tiles.iter().zip(&patterns) {
        for i in 0..ROWS * loads(tile.act, bus).0 {
            issues.push((*tile, i));
        }
        for i in 0..tile.rows {
            streams.push((*tile, *pattern, i));
        }
    }
    let (mut issues, mut streams) = (issues.into_iter(), streams.into_iter());
    let (mut offered, mut starts, mut cycle) = (tiles.iter().zip(&patterns).peekable(), Vec::new(), 0);
    // Weights issued for the tile that loads; a swap takes them all.
    let mut loaded = 0;
    while streams.len() > 0 {
        let offer = offered.peek().filter(|_| !random.chance(stalls)).copied();
        let words = offer.map_or([0; 4], |(tile, _)| Command::from(Op::Compute(*tile)).encode());
        let pattern = offer.map_or(Pattern::LINEAR, |(_, pattern)| *pattern);
        bench.block.pattern.next = (u64::from(pattern.jump) << 16 | u64::from(pattern.columns)).into();
        bench.block.stride.next = u64::from(pattern.stride).into();
        bench.block.word1.next = u64::from(words[1]).into();
        bench.block.word2.next = u64::from(words[2]).into();
        bench.block.word3.next = u64::from(words[3]).into();
        bench.block.dispatch_tile.next = false;
        bench.settle();
        let dispatch = offer.is_some() && bench.block.loader_ready.val();
        bench.block.dispatch_tile.next = dispatch;
        bench.settle();
        if dispatch {
            offered.next();
        }
        let (act, weight, token) = (bench.block.activation_issue.val(), bench.block.weight_issue.val(), bench.block.token.val());
        if act.valid {
            let (tile, pattern, i) = streams.next().unwrap();
            if i == 0 {
                starts.push(cycle);
                let load = ROWS * loads(tile.act, bus).0;
                assert!(loaded >= load, "swapped before the weights were issued");
                loaded -= load;
            }
            assert_eq!(act.address.to_u16(), pattern.address(tile.activations, i));
            assert_eq!((act.swap, act.a_code.to_u8(), act.act_signed), (i == 0, tile.act.code(), tile.act_signed));
            assert_eq!(
                (token.last, token.w_signed, token.act_signed),
                (i + 1 == tile.rows, tile.weight.signed(), tile.act_signed)
            );
            assert_eq!((token.w_code.to_u8(), token.part.to_u8()), (tile.weight.bits.code(), tile.part));
            assert_eq!((token.half, token.accumulate, token.shift.to_u8()), (tile.half == 1, tile.accumulate, tile.shift));
            assert_eq!(token.address.to_u16(), tile.accumulator + i);
        }
        assert_eq!(token.valid, act.valid);
        assert!(act.valid || (!act.swap && !token.last));
        if weight.valid {
            let (tile, i) = issues.next().unwrap();
            let (lanes, (cycles, words)) = (tile.act.lanes(), loads(tile.act, bus));
            loaded += 1;
            assert!(loaded <= ROWS * cycles || act.swap, "weights of the next tile before the swap");
            assert_eq!(weight.address.to_u32() as usize, usize::from(tile.weights) * bus + i * words);
            assert_eq!((weight.real, weight.first), (i * words < usize::from(tile.k_words) * bus, i == 0));
            assert_eq!((weight.row.index(), weight.a_code.to_u8()), (i / cycles, tile.act.code()));
            // A crumb's word is written when its place on the bus has the word of the crumb's lane.
            let mask = (0..4).fold(0, |mask, crumb| {
                let on_bus = i % cycles * words + crumb * bus / 4 * words / bus;
                let placed = if lanes == 4 && bus == 2 { [0, 2, 1, 3][crumb] } else { crumb };
                mask | u8::from(placed * lanes / 4 == on_bus) << crumb
            });
            assert_eq!(weight.mask.to_u8(), mask);
            assert_eq!((weight.w_code.to_u8(), weight.slice.to_u8()), (tile.weight.bits.code(), tile.weight.slice));
            assert_eq!((weight.rounding.to_u8(), weight.part.to_u8()), (tile.weight.rounding.code(), tile.part));
        }
        bench.clock();
        cycle += 1;
        assert!(cycle < 100_000, "the sequencer hangs");
    }
    bench.block.dispatch_tile.next = false;
    for _ in 0..3 {
        bench.clock();
        assert!(!bench.block.load_valid_out.val() && !bench.block.stream_valid_out.val());
    }
    assert_eq!(issues.len(), 0);
    starts
}

#[test]
fn a_tile_costs_the_longer_of_streaming_and_loading() {
    tile_costs("sequencer", 1);
}

#[test]
fn a_wide_weight_bus_loads_as_much_faster_as_there_are_lanes() {
    tile_costs("sequencer_2", 2);
    tile_costs("sequencer_4", 4);
    let cycles = |bus| ActBits::ALL.map(|act| loads(act, bus).0);
    assert_eq!([1, 2, 4].map(cycles), [[1, 2, 4], [1, 1, 2], [1, 1, 1]]);
}

fn tile_costs(name: &'static str, bus: usize) {
    let mut random = Random::new(5);
    let mut bench = Recorder::new(name, move || Sequencer::new(ROWS, bus));
    for act in ActBits::ALL {
        let load = (ROWS * loads(act, bus).0) as u64;
        for rows in 1..=2 * load + 1 {
            let tiles: Vec<Tile> = (0..4).map(|_| random_tile(&mut random, act, rows as u16, bus)).collect();
            let starts = run(&mut bench, &mut random, &tiles, 0, bus);
            for pair in starts.windows(2) {
                assert_eq!(pair[1] - pair[0], rows.max(load), "{act:?}, {rows} rows, bus of {bus}");
            }
            // Dispatched in cycle 0, the first tile loads from cycle 1 on.
            assert_eq!(starts[0], 1 + load);
        }
    }
    // Mixed precisions, late tiles: only what is issued is checked.
    for _ in 0..30 {
        let tiles: Vec<Tile> = (0..6)
            .map(|_| {
                let (act, rows) = (ActBits::ALL[random.below(3) as usize], 1 + random.below(20) as u16);
                random_tile(&mut random, act, rows, bus)
            })
            .collect();
        run(&mut bench, &mut random, &tiles, 60, bus);
    }
    bench.check();
}
