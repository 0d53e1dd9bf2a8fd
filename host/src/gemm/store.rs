//! The weight memory: who lies where, and the commands that fill it.

use super::layout::{WeightLayout, payload};
use super::{GemmError, Job, JobError, Weights};
use crate::session::{Session, SessionError};
use crumb_arch::{ArrayConfig, Command, Op};
use std::ops::Range;

/// Most addresses that one command loads: its count has 16 bits.
const MOST_WORDS: usize = u16::MAX as usize;

/// Hands out weight memory, from address 0 up; what is left serves streamed weights.
#[derive(Clone, Debug, Default)]
pub struct WeightStore {
    used: usize,
}

impl WeightStore {
    /// Addresses handed out.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Reserves a `[K, N]` matrix.
    ///
    /// # Errors
    /// If it does not fit.
    pub fn reserve(&mut self, k: usize, n: usize, config: &ArrayConfig) -> Result<WeightLayout, GemmError> {
        let layout = WeightLayout { base: self.used, k, n };
        check_layout(layout, config)?;
        self.used += layout.words(config);
        Ok(layout)
    }
}

/// Refuses weights that do not lie within the memory, with the addresses.
fn check_layout(layout: WeightLayout, config: &ArrayConfig) -> Result<(), GemmError> {
    let (needed, size) = (layout.words(config), config.weight_words);
    let free = size.saturating_sub(layout.base);
    if needed > free { Err(GemmError::Memory { what: "the weights", needed, free, size }) } else { Ok(()) }
}

/// Addresses from `free_weights` on, once it is known that the product's weights lie within the memory, or can be streamed through
/// what is left of it.
///
/// # Errors
/// [`GemmError::Memory`], with the addresses.
pub fn words_to_stream(job: &Job<'_>, config: &ArrayConfig, free_weights: usize) -> Result<usize, GemmError> {
    let (free, size) = (config.weight_words.saturating_sub(free_weights), config.weight_words);
    match job.weights {
        Weights::Resident(layout) => check_layout(layout, config)?,
        Weights::Streamed(_) => {
            let needed = job.segments.iter().map(|s| config.tile_words(s.act)).max().unwrap_or(0);
            if needed > free {
                return Err(GemmError::Memory { what: "one tile of weights", needed, free, size });
            }
        }
    }
    Ok(free)
}

/// Uploads a row-major `[K, N]` matrix to stay in the weight memory.
///
/// # Errors
/// If the matrix is not `layout.k` by `layout.n`, leaves the memory, or the machine fails.
pub fn upload(session: &mut Session, layout: WeightLayout, weights: &[i8]) -> Result<(), GemmError> {
    let config = session.config().clone();
    if layout.k.checked_mul(layout.n) != Some(weights.len()) {
        let expected = layout.k.saturating_mul(layout.n);
        return Err(JobError::Size { what: "weights", found: weights.len(), expected }.into());
    }
    check_layout(layout, &config)?;
    for g in 0..layout.groups(&config) {
        load_words(session, &layout, weights, g, 0..layout.words_per_group(&config), layout.address(g, 0, &config), true)?;
    }
    Ok(())
}

/// Loads addresses `words` of group `g` to `base`; with `fence`, once every tile given before is complete.
pub fn load_words(
    session: &mut Session,
    layout: &WeightLayout,
    weights: &[i8],
    g: usize,
    words: Range<usize>,
    base: usize,
    fence: bool,
) -> Result<(), SessionError> {
    let config = session.config().clone();
    let first = words.start;
    for start in words.clone().step_by(MOST_WORDS) {
        let part = start..words.end.min(start + MOST_WORDS);
        let lines = payload(weights, layout.k, layout.n, g, part.clone(), &config);
        let op = Op::LoadWeights { base: field(base + start - first), count: field(part.len()) };
        session.send(Command { op, fence_compute: fence && start == first, fence_drain: false }, &lines, 0)?;
    }
    Ok(())
}

/// An address or a count in the 16 bits that a command has for it. Callers have checked that it lies within a memory, and no memory
/// has more than 2^16 addresses; a count of all of them is what [`MOST_WORDS`] is for.
pub fn field(value: usize) -> u16 {
    debug_assert!(value <= usize::from(u16::MAX), "{value} does not fit a command's field");
    value as u16
}
