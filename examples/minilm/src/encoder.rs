//! The encoder: the model's dataflow, with its linear layers left to whoever computes them.

use crate::error::Failure;
use crate::host::{add, attention, gelu, layer_norm};
use crate::model::{HIDDEN, Linear, Model, Part};
use crate::sentences::Sentences;

/// Computes linear layers: in float, or on a machine.
pub trait Linears {
    /// `x W + b` for all tokens at once: `[tokens, K]` to `[tokens, N]`, row-major.
    ///
    /// # Errors
    /// If the machine refuses or fails.
    fn apply(&mut self, layer: usize, part: Part, x: &[f32]) -> Result<Vec<f32>, Failure>;
}

/// The float model's linear layers: the path that numpy checks.
pub struct FloatLinears<'a>(pub &'a Model);

impl Linears for FloatLinears<'_> {
    fn apply(&mut self, layer: usize, part: Part, x: &[f32]) -> Result<Vec<f32>, Failure> {
        let Linear { k, n, weights, bias, .. } = self.0.linear(layer, part);
        let mut y = Vec::with_capacity(x.len() / k * n);
        for row in x.chunks_exact(*k) {
            let start = y.len();
            y.extend_from_slice(bias);
            for (a, weights) in row.iter().zip(weights.chunks_exact(*n)) {
                y[start..].iter_mut().zip(weights).for_each(|(y, w)| *y += a * w);
            }
        }
        Ok(y)
    }
}

/// Hidden states of all tokens after the first `layers` layers: `[tokens, HIDDEN]`.
///
/// # Errors
/// If a linear layer fails.
pub fn encode(model: &Model, sentences: &Sentences, layers: usize, linears: &mut impl Linears) -> Result<Vec<f32>, Failure> {
    let mut hidden = embed(model, sentences);
    for (i, layer) in model.layers.iter().enumerate().take(layers) {
        let query = linears.apply(i, Part::Query, &hidden)?;
        let key = linears.apply(i, Part::Key, &hidden)?;
        let value = linears.apply(i, Part::Value, &hidden)?;
        // A token attends to its own sentence alone, so sentences that share a product need no mask.
        let mut context = Vec::with_capacity(hidden.len());
        for tokens in &sentences.ranges {
            let part = tokens.start * HIDDEN..tokens.end * HIDDEN;
            context.extend(attention(&query[part.clone()], &key[part.clone()], &value[part]));
        }
        add(&mut hidden, &linears.apply(i, Part::AttentionOutput, &context)?);
        layer_norm(&mut hidden, &layer.attention_norm);
        let mut inner = linears.apply(i, Part::FfnUp, &hidden)?;
        gelu(&mut inner);
        add(&mut hidden, &linears.apply(i, Part::FfnDown, &inner)?);
        layer_norm(&mut hidden, &layer.ffn_norm);
    }
    Ok(hidden)
}

/// Word, position and token type, added and normalised.
fn embed(model: &Model, sentences: &Sentences) -> Vec<f32> {
    let row = |table: &[f32], i: usize| table[i * HIDDEN..][..HIDDEN].to_vec();
    let mut hidden = Vec::with_capacity(sentences.tokens() * HIDDEN);
    for tokens in &sentences.ranges {
        for (position, &id) in sentences.ids[tokens.clone()].iter().enumerate() {
            let mut token = row(&model.words, id);
            add(&mut token, &model.token_type);
            add(&mut token, &row(&model.positions, position));
            hidden.extend(token);
        }
    }
    layer_norm(&mut hidden, &model.norm);
    hidden
}

/// The sentence embeddings: the mean over each sentence's tokens, at length one; `[sentences, HIDDEN]`.
pub fn pool(hidden: &[f32], sentences: &Sentences) -> Vec<f32> {
    let mut embeddings = Vec::with_capacity(sentences.ranges.len() * HIDDEN);
    for tokens in &sentences.ranges {
        let mut mean = vec![0.0; HIDDEN];
        hidden[tokens.start * HIDDEN..tokens.end * HIDDEN].chunks_exact(HIDDEN).for_each(|row| add(&mut mean, row));
        let length = mean.iter().map(|v| v * v).sum::<f32>().sqrt();
        embeddings.extend(mean.iter().map(|v| v / length));
    }
    embeddings
}
