//! The weight memory: who lies where, and the commands that fill it.

use super::layout::{WeightLayout, payload};
use super::{Fold, GemmError, JobError, Placement, Shape};
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
        let layout = WeightLayout::new(self.used, k, n);
        check_layout(layout, config)?;
        self.used += layout.words(config);
        Ok(layout)
    }

    /// Reserves the matrices of layers, those of a layer all or none, in the layers' order; `None` is a layer whose weights come on the stream
    /// in any case. One tile of the widest mode stays free for the others.
    ///
    /// Where all layers fit as they are, all stay, and what is left folds them; else each stays folded if it fits behind those before it, or as
    /// it is. Gives the first layout of each kind of matrix, `None` for those without elements.
    pub fn reserve_layers(
        &mut self,
        layers: impl IntoIterator<Item = Option<Vec<MatrixSizes>>>,
        config: &ArrayConfig,
    ) -> Vec<Option<Vec<Option<WeightLayout>>>> {
        let layers: Vec<Option<Vec<MatrixSizes>>> = layers.into_iter().collect();
        let mut free = config.weight_words.saturating_sub(self.used).saturating_sub(config.tile_words(ActBits::A2));
        let take = |words: Option<usize>, free: &mut usize| {
            let left = words.and_then(|words| free.checked_sub(words));
            *free = left.unwrap_or(*free);
            left.is_some()
        };
        let of_layer = |matrices: &Vec<MatrixSizes>| words(&plain(matrices), config);
        let all = layers.iter().flatten().try_fold(0usize, |sum, matrices| sum.checked_add(of_layer(matrices)?));
        let all_stay = take(all, &mut free);
        let reserved: Vec<Option<Vec<MatrixSizes>>> = layers
            .into_iter()
            .map(|layer| {
                let matrices = layer?;
                let there = if all_stay { of_layer(&matrices)? } else { 0 };
                if take(words(&matrices, config).map(|words| words - there), &mut free) {
                    return Some(matrices);
                }
                (all_stay || take(of_layer(&matrices), &mut free)).then(|| plain(&matrices))
            })
            .collect();
        reserved
            .iter()
            .map(|layer| layer.as_ref().map(|matrices| matrices.iter().map(|alike| self.place(alike, config)).collect()))
            .collect()
    }

    /// Places matrices behind each other; gives where the first lies.
    fn place(&mut self, MatrixSizes { count, k, n, fold }: &MatrixSizes, config: &ArrayConfig) -> Option<WeightLayout> {
        let layout = WeightLayout { base: self.used, k: *k, n: *n, fold: *fold };
        self.used += count * layout.whole().words(config);
        (*k > 0 && *n > 0).then_some(layout)
    }
}

/// Sizes of a layer's matrices that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatrixSizes {
    /// How many.
    pub count: usize,
    /// Rows of each.
    pub k: usize,
    /// Columns of each.
    pub n: usize,
    /// As far as each is folded, if there is room.
    pub fold: Fold,
}

/// The same, not folded.
fn plain(matrices: &[MatrixSizes]) -> Vec<MatrixSizes> {
    matrices.iter().map(|alike| MatrixSizes { fold: Fold::NONE, ..*alike }).collect()
}

/// Addresses that a layer's matrices take; `None` beyond the largest number.
fn words(matrices: &[MatrixSizes], config: &ArrayConfig) -> Option<usize> {
    let words = |MatrixSizes { count, k, n, fold }: &MatrixSizes| {
        let whole = WeightLayout { base: 0, k: *k, n: *n, fold: *fold }.whole();
        whole.groups(config).checked_mul(whole.words_per_group(config))?.checked_mul(*count)
    };
    matrices.iter().try_fold(0usize, |sum, alike| sum.checked_add(words(alike)?))
}

/// Refuses weights that do not lie within the memory, with the addresses.
fn check_layout(layout: WeightLayout, config: &ArrayConfig) -> Result<(), GemmError> {
    let (needed, size) = (layout.whole().words(config), config.weight_words);
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

/// Uploads a row-major `[K, N]` matrix to stay in the weight memory, in as many copies as its layout has.
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
    let (weights, layout) = (layout.fold.matrix(weights, layout.k, layout.n), layout.whole());
    let mut fence = Some(0);
    for g in 0..layout.groups(&config) {
        let (words, base) = (layout.words_per_group(&config), layout.address(g, 0, &config));
        for start in (0..words).step_by(MOST_WORDS) {
            let part = start..words.min(start + MOST_WORDS);
            let lines = payload(&weights, layout.k, layout.n, g, part.clone(), &config);
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
