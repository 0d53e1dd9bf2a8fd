//! Streams a product through a machine and collects its result.

use super::checks::{check_activations, passes};
use super::layout::WeightLayout;
use super::result::unpack_block;
use super::store::{field, load_words, upload, words_to_stream};
use super::tiling::{KTile, Tiling, runs};
use super::{GemmError, Job, Output, Weights};
use crate::session::{Session, SessionError};
use crumb_arch::lanes::{pack_activation_line, parameter_lines};
use crumb_arch::{ArrayConfig, Command, Drain, Op, Requantize, Tile};
use std::collections::VecDeque;
use std::ops::Range;

/// Tiles that must have been given after the last one that reads a region before the region may be overwritten without a fence.
///
/// The sequencer holds one tile that loads and one that streams, so when the third tile after tile t is taken, t + 1 has streamed
/// to its end, at least `rows` cycles after the last read of t was issued; reads lag their issue by at most `rows + 2` cycles, and
/// the new data come at least 8 cycles (a header) later.
const SAFE_DISTANCE: usize = 3;

/// Runs a product: row-major `[M, N]` sums, or requantized values.
///
/// `free_weights` is the first address of the weight memory that streamed weights may use.
///
/// # Errors
/// If the job is refused or the machine fails.
pub fn run(session: &mut Session, job: &Job<'_>, free_weights: usize) -> Result<Vec<i32>, GemmError> {
    let config = session.config().clone();
    job.check(config.depth)?;
    let stream_words = words_to_stream(job, &config, free_weights)?;
    let tiling = Tiling::new(job, &config, stream_words);
    let result = vec![0; job.m * job.n];
    let mut run = Run {
        session,
        job,
        layout: WeightLayout { base: free_weights, k: job.k, n: job.n },
        stream_words,
        config,
        tiling,
        half: 0,
        blocks: VecDeque::new(),
        region: 0,
        loaded: [None, None],
        since_use: [usize::MAX, usize::MAX],
        weights_loaded: None,
        rows_cache: (usize::MAX, Vec::new()),
        result,
    };
    run.go()?;
    Ok(run.result)
}

/// A product on its way.
struct Run<'a, 'b> {
    session: &'a mut Session,
    job: &'a Job<'b>,
    layout: WeightLayout,
    stream_words: usize,
    config: ArrayConfig,
    tiling: Tiling,
    half: u8,
    /// Drains whose packets have not come: rows and group.
    blocks: VecDeque<(Range<usize>, usize)>,
    region: usize,
    /// First row and first tile of the chunk in each region of the activation buffer.
    loaded: [Option<(usize, usize)>; 2],
    /// Tiles given since each region was last read.
    since_use: [usize; 2],
    /// Group and first tile of the chunk whose streamed weights are loaded.
    weights_loaded: Option<(usize, usize)>,
    /// The left matrix's rows from this one on.
    rows_cache: (usize, Vec<i16>),
    result: Vec<i32>,
}

impl Run<'_, '_> {
    fn go(&mut self) -> Result<(), GemmError> {
        let groups = self.job.n.div_ceil(self.config.group_channels());
        let blocks: Vec<Range<usize>> = self.tiling.blocks(self.job.m).collect();
        let resident = match self.job.weights {
            Weights::Resident(layout) => {
                self.layout = layout;
                true
            }
            Weights::Streamed(weights) if self.layout.words(&self.config) <= self.stream_words => {
                upload(self.session, self.layout, weights)?;
                true
            }
            Weights::Streamed(_) => false,
        };
        let parameters_stay = self.load_all_parameters(groups)?;
        if resident {
            for rows in &blocks {
                for g in 0..groups {
                    self.output_block(rows, g, None, parameters_stay)?;
                }
            }
        } else if let Weights::Streamed(weights) = self.job.weights {
            for g in 0..groups {
                for rows in &blocks {
                    self.output_block(rows, g, Some(weights), parameters_stay)?;
                }
            }
        }
        self.session.finish()?;
        self.collect()
    }

    /// All tiles of a block of rows and a group of columns, and their drain.
    fn output_block(
        &mut self,
        rows: &Range<usize>,
        g: usize,
        streamed: Option<&[i8]>,
        parameters_stay: bool,
    ) -> Result<(), GemmError> {
        let chunks: Vec<Vec<KTile>> = self.tiling.chunks().map(<[KTile]>::to_vec).collect();
        let mut first_tile = 0;
        for chunk in &chunks {
            if let Some(weights) = streamed {
                self.load_weights(g, first_tile, chunk, weights)?;
            }
            let region = self.load_activations(rows, first_tile, chunk)?;
            for (place, run) in runs(chunk) {
                self.compute_run(rows, g, region, first_tile, place, run, chunk, streamed.is_some())?;
            }
            first_tile += chunk.len();
        }
        let banks = self.layout.channels(g, &self.config).div_ceil(self.config.cols);
        if let (Output::Requantized { .. }, false) = (&self.job.output, parameters_stay) {
            self.load_parameters(g, 0)?;
        }
        let requantize = match self.job.output {
            Output::Raw => None,
            Output::Requantized { format, .. } => {
                Some(Requantize { parameters: if parameters_stay { field(4 * g) } else { 0 }, ..format })
            }
        };
        let drain = Drain { rows: field(rows.len()), accumulator: 0, half: self.half, banks: banks as u8, requantize };
        self.session.send(Op::Drain(drain), &[], 1)?;
        self.blocks.push_back((rows.clone(), g));
        self.half ^= 1;
        self.collect()
    }

    /// Every pass over a run of tiles in one mode.
    #[allow(clippy::too_many_arguments)]
    fn compute_run(
        &mut self,
        rows: &Range<usize>,
        g: usize,
        region: usize,
        first_tile: usize,
        place: usize,
        run: &[KTile],
        chunk: &[KTile],
        streamed: bool,
    ) -> Result<(), GemmError> {
        let segment = &self.job.segments[run[0].segment];
        let channels = self.layout.channels(g, &self.config);
        for part in 0..passes(segment.weight.bits, channels, self.config.cols) {
            for (i, tile) in run.iter().enumerate() {
                let weights = if streamed {
                    self.layout.base + chunk[..place + i].iter().map(|t| self.words(t)).sum::<usize>()
                } else {
                    self.layout.address(g, tile.k.start, &self.config)
                };
                let tile = Tile {
                    activations: field(self.line(region, place + i)),
                    rows: field(rows.len()),
                    weights: field(weights),
                    k_words: field(self.words(tile)),
                    accumulator: 0,
                    half: self.half,
                    accumulate: first_tile + place + i > 0,
                    shift: segment.shift,
                    act: segment.act,
                    act_signed: segment.act_signed,
                    weight: segment.weight,
                    part: part as u8,
                };
                self.session.send(Op::Compute(tile), &[], 0)?;
                self.since_use.iter_mut().for_each(|n| *n = n.saturating_add(1));
                self.since_use[region] = 0;
            }
        }
        Ok(())
    }

    fn words(&self, tile: &KTile) -> usize {
        tile.k.len().div_ceil(self.config.depth)
    }

    /// First line of a tile in the activation buffer.
    fn line(&self, region: usize, place: usize) -> usize {
        (region * self.tiling.chunk + place) * self.tiling.block_rows
    }

    /// Makes sure that a chunk's activations are in the buffer, and returns their region.
    fn load_activations(&mut self, rows: &Range<usize>, first_tile: usize, chunk: &[KTile]) -> Result<usize, GemmError> {
        let wanted = Some((rows.start, first_tile));
        if let Some(region) = self.loaded.iter().position(|l| *l == wanted) {
            return Ok(region);
        }
        let region = self.region;
        self.region = (region + 1) % self.tiling.regions;
        self.fill_cache(rows)?;
        let line_bytes = self.config.line_bytes();
        let mut fence = self.since_use[region] < SAFE_DISTANCE;
        for (place, tile) in chunk.iter().enumerate() {
            let segment = &self.job.segments[tile.segment];
            let mut lines = vec![0; rows.len() * line_bytes];
            for (row, line) in self.rows_cache.1.chunks_exact(self.job.k).zip(lines.chunks_exact_mut(line_bytes)) {
                pack_activation_line(&row[tile.k.clone()], segment.act, &self.config, line);
            }
            let op = Op::LoadActivations { base: field(self.line(region, place)), count: field(rows.len()) };
            self.session.send(Command { op, fence_compute: fence, fence_drain: false }, &lines, 0)?;
            fence = false;
        }
        self.loaded[region] = wanted;
        self.since_use[region] = usize::MAX;
        Ok(region)
    }

    /// Reads a block's rows of the left matrix and checks that they fit their widths.
    fn fill_cache(&mut self, rows: &Range<usize>) -> Result<(), GemmError> {
        if self.rows_cache.0 == rows.start {
            return Ok(());
        }
        let k = self.job.k;
        self.rows_cache.1.resize(rows.len() * k, 0);
        self.job.rows.fill(rows.start, &mut self.rows_cache.1).map_err(GemmError::Rows)?;
        for segment in self.job.segments {
            check_activations(&self.rows_cache.1, rows.start, k, segment)?;
        }
        self.rows_cache.0 = rows.start;
        Ok(())
    }

    /// Loads the weights of a chunk, packed one tile after the other.
    fn load_weights(&mut self, g: usize, first_tile: usize, chunk: &[KTile], weights: &[i8]) -> Result<(), GemmError> {
        if self.weights_loaded == Some((g, first_tile)) {
            return Ok(());
        }
        let mut base = self.layout.base;
        let mut fence = true;
        for tile in chunk {
            let first = tile.k.start / self.config.depth;
            let words = first..first + self.words(tile);
            load_words(self.session, &self.layout, weights, g, words.clone(), base, fence)?;
            base += words.len();
            fence = false;
        }
        self.weights_loaded = Some((g, first_tile));
        Ok(())
    }

    /// Loads the parameters of every group, if all fit: four entries for each.
    fn load_all_parameters(&mut self, groups: usize) -> Result<bool, GemmError> {
        let stay = 4 * groups <= self.config.parameter_entries;
        if stay && matches!(self.job.output, Output::Requantized { .. }) {
            for g in 0..groups {
                self.load_parameters(g, 4 * g)?;
            }
        }
        Ok(stay)
    }

    fn load_parameters(&mut self, g: usize, base: usize) -> Result<(), GemmError> {
        let Output::Requantized { channels, .. } = self.job.output else { return Ok(()) };
        let first = g * self.config.group_channels();
        let mut lines = Vec::new();
        for t in 0..4 {
            let entry = |c: usize| channels.get(first + t * self.config.cols + c).map_or(0, |s| s.encode());
            let entries: Vec<u64> = (0..self.config.cols).map(entry).collect();
            parameter_lines(&entries, &self.config, &mut lines);
        }
        let op = Op::LoadParameters { base: field(base), count: 4 };
        Ok(self.session.send(Command { op, fence_compute: false, fence_drain: true }, &lines, 0)?)
    }

    /// Puts the packets that have come into the result.
    fn collect(&mut self) -> Result<(), GemmError> {
        while let Some(packet) = self.session.receive() {
            let Some((rows, g)) = self.blocks.pop_front() else {
                return Err(SessionError::Length { found: packet.len(), expected: 0 }.into());
            };
            let (job, channels) = (self.job, self.layout.channels(g, &self.config));
            unpack_block(&packet, rows, g, channels, job, &self.config, &mut self.result)?;
        }
        Ok(())
    }
}
