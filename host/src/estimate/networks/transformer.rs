//! Transformers: encoder or decoder layers of attention and feed-forward, with grouped keys and values.

use crate::estimate::layers::{Gemm, LayerError, LayerShape, RightOperand};

/// Sizes of a transformer whose head size is `hidden / heads`.
#[derive(Clone, Copy, Debug)]
pub struct Transformer {
    /// Layers.
    layers: u64,
    /// Elements of a token between layers.
    hidden: u64,
    /// Query heads.
    heads: u64,
    /// Heads of keys and of values, each shared by `heads / kv_heads` query heads.
    kv_heads: u64,
    /// Elements between the two halves of the feed-forward part.
    feed_forward: u64,
    /// Whether the feed-forward part has a gate: two matrices in its first half.
    gated: bool,
    /// Words whose logits are computed for the last token, if any.
    vocabulary: Option<u64>,
}

/// BERT base (google-research/bert, `bert_config.json` of the base model).
pub const BERT_BASE: Transformer =
    Transformer { layers: 12, hidden: 768, heads: 12, kv_heads: 12, feed_forward: 3072, gated: false, vocabulary: None };

/// TinyLlama 1.1B (arXiv 2401.02385, table 2, and the model's `config.json`).
pub const TINYLLAMA: Transformer =
    Transformer { layers: 22, hidden: 2048, heads: 32, kv_heads: 4, feed_forward: 5632, gated: true, vocabulary: Some(32000) };

impl Transformer {
    /// The layers for `tokens` tokens that attend to `context` tokens each.
    ///
    /// Matrices that read the same input stand side by side as one: queries, keys and values; gate and up. The query heads
    /// that share keys stand below each other: a product of `[tokens x heads / kv_heads, head size]` for each key head.
    /// Scores that a causal mask would hide are counted.
    pub fn layers(&self, tokens: u64, context: u64) -> Result<Vec<LayerShape>, LayerError> {
        let Self { hidden, heads, kv_heads, feed_forward, .. } = *self;
        let head = hidden / heads;
        let dense = |k, n| Gemm { m: tokens, n, k, groups: 1, right: RightOperand::Weights };
        let attend = |k, n| Gemm { m: tokens * (heads / kv_heads), n, k, groups: kv_heads, right: RightOperand::Computed };
        let parts = [
            ("qkv", dense(hidden, hidden + 2 * kv_heads * head)),
            ("scores", attend(head, context)),
            ("context", attend(context, head)),
            ("output", dense(hidden, hidden)),
            if self.gated { ("gate_up", dense(hidden, 2 * feed_forward)) } else { ("up", dense(hidden, feed_forward)) },
            ("down", dense(feed_forward, hidden)),
        ];
        let numbered = (0..self.layers).flat_map(|layer| parts.map(|(part, gemm)| (format!("layer{layer}.{part}"), gemm)));
        let logits = self.vocabulary.map(|words| ("logits".to_string(), Gemm { m: 1, ..dense(hidden, words) }));
        numbered.chain(logits).map(|(name, gemm)| LayerShape::gemm(name, gemm, 1)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::layers::MatrixProduct;

    #[test]
    fn heads_that_share_keys_stand_below_each_other() {
        let layers = TINYLLAMA.layers(5, 7).unwrap();
        assert_eq!(layers[1].product(), MatrixProduct { m: 40, k: 64, n: 7, groups: 4 });
        assert_eq!(layers[2].product(), MatrixProduct { m: 40, k: 7, n: 64, groups: 4 });
        assert_eq!(layers[0].product(), MatrixProduct { m: 5, k: 2048, n: 2560, groups: 1 });
        assert_eq!(layers[132].product(), MatrixProduct { m: 1, k: 2048, n: 32000, groups: 1 });
        assert_eq!(layers[1].weights(), 0);
        let bert = BERT_BASE.layers(3, 3).unwrap();
        assert_eq!(bert[1].product(), MatrixProduct { m: 3, k: 64, n: 3, groups: 12 });
        assert_eq!(bert[4].product(), MatrixProduct { m: 3, k: 768, n: 3072, groups: 1 });
    }
}
