//! The weight memory: who lies where, and the commands that fill it.

use super::layout::{WeightLayout, payload};
use super::{GemmError, JobError, Placement, Shape};
use crate::session::Session;
use crumb_arch::precision::ActBits;
use crumb_arch::{ArrayConfig, Command, Op};

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

impl WeightStore {
    /// Reserves the matrices `[K, N]` of one layer, all or none; a matrix without elements has no layout. One tile of the widest mode
    /// stays free for layers that do not fit.
    pub fn reserve_layer(
        &mut self,
        matrices: impl IntoIterator<Item = (usize, usize)>,
        config: &ArrayConfig,
    ) -> Option<Vec<Option<WeightLayout>>> {
        let mut store = self.clone();
        let reserve = |(k, n)| if k == 0 || n == 0 { Some(None) } else { store.reserve(k, n, config).ok().map(Some) };
        let layouts = matrices.into_iter().map(reserve).collect::<Option<Vec<_>>>()?;
        let room = config.weight_words.checked_sub(store.used)? >= config.tile_words(ActBits::A2);
        if room {
            *self = store;
        }
        room.then_some(layouts)
    }
}

/// Refuses weights that do not lie within the memory, with the addresses.
fn check_layout(layout: WeightLayout, config: &ArrayConfig) -> Result<(), GemmError> {
    let (needed, size) = (layout.words(config), config.weight_words);
    let free = size.saturating_sub(layout.base);
    if needed > free { Err(GemmError::Memory { what: "the weights", needed, free, size }) } else { Ok(()) }
}

/// Checks that a product's weights lie within the memory, or that one tile of them fits what is left of it.
///
/// # Errors
/// [`GemmError::Memory`], with the addresses.
pub fn check_weights(shape: &Shape<'_>, config: &ArrayConfig) -> Result<(), GemmError> {
    match shape.weights {
        Placement::Resident(layout) => check_layout(layout, config),
        Placement::Streamed { words: free, .. } => {
            let needed = shape.segments.iter().map(|s| config.tile_words(s.act)).max().unwrap_or(0);
            let size = config.weight_words;
            if needed > free { Err(GemmError::Memory { what: "one tile of weights", needed, free, size }) } else { Ok(()) }
        }
    }
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
    let mut fence = Some(0);
    for g in 0..layout.groups(&config) {
        let (words, base) = (layout.words_per_group(&config), layout.address(g, 0, &config));
        for start in (0..words).step_by(MOST_WORDS) {
            let part = start..words.min(start + MOST_WORDS);
            let lines = payload(weights, layout.k, layout.n, g, part.clone(), &config);
            let op = Op::LoadWeights { base: field(base + start), count: field(part.len()) };
            session.send(Command { op, fence_compute: fence.take(), fence_drain: false }, &lines, 0)?;
        }
    }
    Ok(())
}

/// An address or a count in the 16 bits that a command has for it. Callers have checked that it lies within a memory, and no memory
/// has more than 2^16 addresses; a count of all of them is what [`MOST_WORDS`] is for.
pub fn field(value: usize) -> u16 {
    debug_assert!(value <= usize::from(u16::MAX), "{value} does not fit a command's field");
    value as u16
}
