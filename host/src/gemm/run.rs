//! Streams a product through a machine and collects its result.

use super::checks::check_activations;
use super::fold::{FoldedRows, Mapping, unfold};
use super::layout::payload;
use super::result::unpack_block;
use super::schedule::{Data, Schedule};
use super::store::check_weights;
use super::tiling::{KTile, Tiling};
use super::{GemmError, Image, Job, JobError, Output, Placement, Segment, Shape, Weights};
use crate::session::{Session, SessionError};
use crumb_arch::ArrayConfig;
use crumb_arch::lanes::{pack_activation_line, parameter_lines};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;

/// Runs a product: row-major `[M, N]` sums, or requantized values.
///
/// `free_weights` is the first address of the weight memory that streamed weights may use.
///
/// # Errors
/// If the job is refused or the machine fails.
pub fn run(session: &mut Session, job: &Job<'_>, free_weights: usize) -> Result<Vec<i32>, GemmError> {
    let config = session.config().clone();
    job.check(config.word_k())?;
    let shape = job.shape(&config, free_weights);
    check_weights(&shape, &config)?;
    let mapping = Mapping::new(&shape, &config);
    let Some(image) = shape.image.filter(|_| mapping.fold.copies > 1) else {
        return run_as(session, job, &mapping.shape(), &mapping.tiling).map_err(|error| locate(job, error));
    };
    let (fold, folded) = (mapping.fold, mapping.shape());
    let rows = FoldedRows::new(job.rows, image, fold.copies);
    let matrix = match job.weights {
        Weights::Streamed(weights) => fold.matrix(weights, job.k, job.n),
        Weights::Resident(_) => Cow::default(),
    };
    let weights = match folded.weights {
        Placement::Resident(layout) => Weights::Resident(layout),
        Placement::Streamed { .. } => Weights::Streamed(&matrix),
    };
    let scales = match job.output {
        Output::Requantized { channels, .. } => channels.repeat(fold.copies),
        Output::Raw => Vec::new(),
    };
    let output = match job.output {
        Output::Requantized { format, .. } => Output::Requantized { channels: &scales, format },
        Output::Raw => Output::Raw,
    };
    let Shape { m, k, n, segments, .. } = folded;
    let result = run_as(session, &Job { m, k, n, rows: &rows, segments, weights, output }, &folded, &mapping.tiling);
    let result = result.map_err(|error| locate(job, error))?;
    Ok(unfold(&result, &image, fold, job.n))
}

/// An activation that was refused, found in a band or a folded row, with its row and column of the left matrix.
fn locate(job: &Job<'_>, error: GemmError) -> GemmError {
    if !matches!(error, GemmError::Job(JobError::Activation { .. })) {
        return error;
    }
    let mut row = vec![0; job.k];
    let refused = (0..job.m).find_map(|index| {
        job.rows.fill(index, &mut row).ok()?;
        job.segments.iter().find_map(|segment| check_activations(&row, index, job.k, segment).err())
    });
    refused.map_or(error, GemmError::from)
}

/// Runs a product as it is.
fn run_as(session: &mut Session, job: &Job<'_>, shape: &Shape<'_>, tiling: &Tiling) -> Result<Vec<i32>, GemmError> {
    let config = session.config().clone();
    let result = vec![0; job.m * job.n];
    let rows_cache = (usize::MAX, Vec::new());
    let mut run = Run { job, config: &config, tiling, blocks: VecDeque::new(), rows_cache, result };
    for step in Schedule::new(shape, &config, tiling) {
        let payload = run.payload(&step.data)?;
        let packets = match step.data {
            Data::Result { rows, group } => {
                run.blocks.push_back((rows, group));
                1
            }
            _ => 0,
        };
        session.send(step.command, &payload, packets)?;
        if packets > 0 {
            run.collect(session)?;
        }
    }
    session.finish()?;
    run.collect(session)?;
    Ok(run.result)
}

/// A product on its way.
struct Run<'a, 'b> {
    job: &'a Job<'b>,
    config: &'a ArrayConfig,
    tiling: &'a Tiling,
    /// Drains whose packets have not come: rows and group.
    blocks: VecDeque<(Range<usize>, usize)>,
    /// The left matrix's rows from this one on.
    rows_cache: (usize, Vec<i16>),
    result: Vec<i32>,
}

impl Run<'_, '_> {
    /// The payload lines of a step.
    fn payload(&mut self, data: &Data) -> Result<Vec<u8>, GemmError> {
        Ok(match data {
            Data::Activations { rows, tile } => self.activations(rows, *tile)?,
            Data::Weights { group, words } => match self.job.weights {
                Weights::Streamed(weights) => payload(weights, self.job.k, self.job.n, *group, words.clone(), self.config),
                Weights::Resident(_) => Vec::new(),
            },
            Data::Parameters { group } => self.parameters(*group),
            Data::Tile | Data::Pattern | Data::Result { .. } => Vec::new(),
        })
    }

    fn activations(&mut self, rows: &Range<usize>, tile: usize) -> Result<Vec<u8>, GemmError> {
        let tile = &self.tiling.tiles[tile];
        if let Some(image) = &self.tiling.cut.image {
            return self.band(rows, tile, image);
        }
        self.fill_cache(rows)?;
        let (act, line_bytes) = (self.job.segments[tile.segment].act, self.config.line_bytes());
        let mut lines = vec![0; rows.len() * line_bytes];
        for (row, line) in self.rows_cache.1.chunks_exact(self.job.k).zip(lines.chunks_exact_mut(line_bytes)) {
            pack_activation_line(&row[tile.k.clone()], act, self.config, line);
        }
        Ok(lines)
    }

    /// The band of an image: a line for each of its pixels.
    fn band(&self, rows: &Range<usize>, tile: &KTile, image: &Image) -> Result<Vec<u8>, GemmError> {
        let [height, width] = image.output;
        let (index, first) = (rows.start / (height * width), rows.start / width % height);
        let (lines, channels) = (image.band_lines(rows.len() / width), tile.slot.len());
        let mut values = vec![0; lines * channels];
        self.job.rows.fill_band(index, first, tile.slot.clone(), &mut values).map_err(GemmError::Rows)?;
        let (segment, line_bytes) = (&self.job.segments[tile.segment], self.config.line_bytes());
        check_activations(&values, rows.start, channels, &Segment { k: 0..channels, ..segment.clone() })?;
        let mut bytes = vec![0; lines * line_bytes];
        for (pixel, line) in values.chunks_exact(channels).zip(bytes.chunks_exact_mut(line_bytes)) {
            pack_activation_line(pixel, segment.act, self.config, line);
        }
        Ok(bytes)
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

    /// Four parameter entries: one for each slot of the group's columns.
    fn parameters(&self, group: usize) -> Vec<u8> {
        let Output::Requantized { channels, .. } = self.job.output else { return Vec::new() };
        let first = group * self.config.group_channels();
        let mut lines = Vec::new();
        for t in 0..4 {
            let entry = |c: usize| channels.get(first + t * self.config.cols + c).map_or(0, |s| s.encode());
            let entries: Vec<u64> = (0..self.config.cols).map(entry).collect();
            parameter_lines(&entries, self.config, &mut lines);
        }
        lines
    }

    /// Puts the packets that have come into the result.
    fn collect(&mut self, session: &mut Session) -> Result<(), GemmError> {
        while let Some(packet) = session.receive() {
            let Some((rows, group)) = self.blocks.pop_front() else {
                return Err(SessionError::Length { found: packet.len(), expected: 0 }.into());
            };
            let group_channels = self.config.group_channels();
            let channels = (self.job.n - group * group_channels).min(group_channels);
            unpack_block(&packet, rows, group, channels, self.job, self.config, &mut self.result)?;
        }
        Ok(())
    }
}
