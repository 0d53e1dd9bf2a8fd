//! The weights of all-MiniLM-L6-v2, in float32. Sizes are those of the model's `config.json`.

use crate::error::Failure;
use crate::tensors::Tensors;

/// Width of the hidden states.
pub const HIDDEN: usize = 384;
/// Width inside a feed-forward network (FFN).
pub const INNER: usize = 1536;
/// Encoder layers.
pub const LAYERS: usize = 6;
/// Attention heads.
pub const HEADS: usize = 12;
/// Tokens that the model knows.
pub const VOCABULARY: usize = 30522;
/// Positions that the model knows: the longest sentence, in tokens.
pub const POSITIONS: usize = 512;

/// The six linear layers of an encoder layer, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Hidden states to queries.
    Query,
    /// Hidden states to keys.
    Key,
    /// Hidden states to values.
    Value,
    /// Context of all heads to hidden states.
    AttentionOutput,
    /// Hidden states to the inside of the FFN.
    FfnUp,
    /// The inside of the FFN to hidden states.
    FfnDown,
}

impl Part {
    /// Every part, in order.
    pub const ALL: [Self; 6] = [Self::Query, Self::Key, Self::Value, Self::AttentionOutput, Self::FfnUp, Self::FfnDown];

    /// Name of its tensors within a layer.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Query => "attention.self.query",
            Self::Key => "attention.self.key",
            Self::Value => "attention.self.value",
            Self::AttentionOutput => "attention.output.dense",
            Self::FfnUp => "intermediate.dense",
            Self::FfnDown => "output.dense",
        }
    }

    /// K and N: width of its input and of its output.
    pub const fn shape(self) -> (usize, usize) {
        match self {
            Self::FfnUp => (HIDDEN, INNER),
            Self::FfnDown => (INNER, HIDDEN),
            _ => (HIDDEN, HIDDEN),
        }
    }

    /// Whether it belongs to the attention, not to the FFN.
    pub const fn is_attention(self) -> bool {
        !matches!(self, Self::FfnUp | Self::FfnDown)
    }
}

/// A linear layer: `y = x W + b`.
pub struct Linear {
    /// Name of its tensors in the file.
    pub name: String,
    /// Rows of the weights: width of the input.
    pub k: usize,
    /// Columns of the weights: output channels.
    pub n: usize,
    /// `W`, row-major `[K, N]`.
    pub weights: Vec<f32>,
    /// `b`, one for each of the N channels.
    pub bias: Vec<f32>,
}

/// Scale and offset of a layer normalisation.
pub struct Norm {
    /// Scale of each of the [`HIDDEN`] elements.
    pub weight: Vec<f32>,
    /// Offset of each.
    pub bias: Vec<f32>,
}

/// One encoder layer.
pub struct Layer {
    /// Its linear layers, in the order of [`Part::ALL`].
    pub linears: [Linear; 6],
    /// After the attention and its residual.
    pub attention_norm: Norm,
    /// After the FFN and its residual.
    pub ffn_norm: Norm,
}

/// The whole model.
pub struct Model {
    /// Embedding of each token, `[VOCABULARY, HIDDEN]`.
    pub words: Vec<f32>,
    /// Embedding of each position, `[POSITIONS, HIDDEN]`.
    pub positions: Vec<f32>,
    /// Embedding of token type 0, the only one that a single sentence has: `[HIDDEN]`.
    pub token_type: Vec<f32>,
    /// After the embeddings.
    pub norm: Norm,
    /// The encoder.
    pub layers: Vec<Layer>,
}

impl Model {
    /// Reads the model.
    ///
    /// # Errors
    /// If a tensor is missing or has another shape.
    pub fn read(file: &Tensors<'_>) -> Result<Self, Failure> {
        let table = |name: &str, rows| file.f32(&format!("embeddings.{name}_embeddings.weight"), &[rows, HIDDEN]);
        let mut token_type = table("token_type", 2)?;
        token_type.truncate(HIDDEN);
        Ok(Self {
            words: table("word", VOCABULARY)?,
            positions: table("position", POSITIONS)?,
            token_type,
            norm: norm(file, "embeddings.LayerNorm")?,
            layers: (0..LAYERS).map(|layer| read_layer(file, layer)).collect::<Result<_, _>>()?,
        })
    }

    /// A linear layer.
    pub fn linear(&self, layer: usize, part: Part) -> &Linear {
        &self.layers[layer].linears[part as usize]
    }

    /// Every linear layer, in the order in which they run.
    pub fn linears(&self) -> impl Iterator<Item = &Linear> {
        self.layers.iter().flat_map(|layer| &layer.linears)
    }
}

fn read_layer(file: &Tensors<'_>, layer: usize) -> Result<Layer, Failure> {
    let read = |part: Part| linear(file, format!("encoder.layer.{layer}.{}", part.name()), part.shape());
    let [query, key, value, output, up, down] = Part::ALL;
    Ok(Layer {
        linears: [read(query)?, read(key)?, read(value)?, read(output)?, read(up)?, read(down)?],
        attention_norm: norm(file, &format!("encoder.layer.{layer}.attention.output.LayerNorm"))?,
        ffn_norm: norm(file, &format!("encoder.layer.{layer}.output.LayerNorm"))?,
    })
}

/// The file holds weights as `[N, K]`, the machine takes `[K, N]`.
fn linear(file: &Tensors<'_>, name: String, (k, n): (usize, usize)) -> Result<Linear, Failure> {
    let stored = file.f32(&format!("{name}.weight"), &[n, k])?;
    let weights = (0..k * n).map(|i| stored[i % n * k + i / n]).collect();
    let bias = file.f32(&format!("{name}.bias"), &[n])?;
    Ok(Linear { name, k, n, weights, bias })
}

fn norm(file: &Tensors<'_>, name: &str) -> Result<Norm, Failure> {
    let vector = |kind: &str| file.f32(&format!("{name}.{kind}"), &[HIDDEN]);
    Ok(Norm { weight: vector("weight")?, bias: vector("bias")? })
}
