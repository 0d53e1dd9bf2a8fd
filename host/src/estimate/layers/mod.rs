//! The layer table of an estimate: convolutions and matrix products by shape, with their operation and element counts.

mod conv;

pub use conv::Conv;

/// Largest count (elements, multiply-accumulates, a size) that a layer may have: integers up to here are exact in float64 too.
pub const LARGEST_COUNT: u64 = 1 << 53;

/// Longest layer name that a message shows, in characters: names come from files.
const SHOWN_NAME: usize = 80;

/// A layer that cannot be: its name, what is wrong, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("layer {layer:?}: {problem}")]
pub struct LayerError {
    /// The layer's name, shortened if it is long.
    pub layer: String,
    /// What is wrong, and what is expected.
    pub problem: String,
}

impl LayerError {
    /// The error of a layer with this name.
    pub fn new(layer: &str, problem: impl Into<String>) -> Self {
        Self { layer: layer.chars().take(SHOWN_NAME).collect(), problem: problem.into() }
    }
}

/// Where the right operand `[k, n]` of a matrix product comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RightOperand {
    /// Weights: the same for every sample of a batch.
    Weights,
    /// Another layer's result, as in attention: different for every sample of a batch.
    Computed,
}

/// `groups` products `[m, k] x [k, n]` of one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gemm {
    /// Rows of the left operand and of the result.
    pub m: u64,
    /// Columns of the right operand and of the result.
    pub n: u64,
    /// Columns of the left operand, rows of the right one.
    pub k: u64,
    /// Independent products of this shape, such as attention heads.
    pub groups: u64,
    /// Where the right operand comes from.
    pub right: RightOperand,
}

/// What a layer computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// A convolution.
    Conv(Conv),
    /// Matrix products.
    Gemm(Gemm),
}

/// A layer as `groups` independent matrix products `[m, k] x [k, n]`; the right operand is the stationary one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatrixProduct {
    /// Rows: for a convolution, batch x output height x output width.
    pub m: u64,
    /// Length of each dot product: for a convolution, kernel height x kernel width x channels of a group.
    pub k: u64,
    /// Columns: for a convolution, filters of a group.
    pub n: u64,
    /// How many such products.
    pub groups: u64,
}

/// A layer of a network: made only if every size is at least 1 and every count at most [`LARGEST_COUNT`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerShape {
    name: String,
    kind: LayerKind,
    batch: u64,
    output: [u64; 2],
    product: MatrixProduct,
    input_elements: u64,
}

impl LayerShape {
    /// A layer that is applied to `batch` samples.
    ///
    /// # Errors
    /// A size of zero, a kernel larger than the padded input, groups that do not divide the channels and the filters,
    /// or a count above [`LARGEST_COUNT`].
    pub fn new(name: impl Into<String>, kind: LayerKind, batch: u64) -> Result<Self, LayerError> {
        let name = name.into();
        match Self::derive(&kind, batch) {
            Ok((output, product, input_elements)) => Ok(Self { name, kind, batch, output, product, input_elements }),
            Err(problem) => Err(LayerError::new(&name, problem)),
        }
    }

    /// A convolution.
    ///
    /// # Errors
    /// As [`LayerShape::new`].
    pub fn conv(name: impl Into<String>, conv: Conv, batch: u64) -> Result<Self, LayerError> {
        Self::new(name, LayerKind::Conv(conv), batch)
    }

    /// Matrix products.
    ///
    /// # Errors
    /// As [`LayerShape::new`].
    pub fn gemm(name: impl Into<String>, gemm: Gemm, batch: u64) -> Result<Self, LayerError> {
        Self::new(name, LayerKind::Gemm(gemm), batch)
    }

    /// The same layer applied to `batch` samples.
    ///
    /// # Errors
    /// As [`LayerShape::new`].
    pub fn with_batch(&self, batch: u64) -> Result<Self, LayerError> {
        Self::new(self.name.clone(), self.kind, batch)
    }

    /// Output height and width, matrix product, and input elements.
    fn derive(kind: &LayerKind, batch: u64) -> Result<([u64; 2], MatrixProduct, u64), String> {
        at_least_one("the batch", batch)?;
        let (output, product, input_elements) = match kind {
            LayerKind::Conv(conv) => {
                let output = conv.output_size()?;
                let product = MatrixProduct {
                    m: count("rows of the product", &[batch, output[0], output[1]])?,
                    k: count("the length of a dot product", &[conv.kernel[0], conv.kernel[1], conv.channels / conv.groups])?,
                    n: conv.filters / conv.groups,
                    groups: conv.groups,
                };
                let [height, width] = conv.padded_input()?;
                count("padded input elements", &[batch, conv.channels, height, width])?;
                (output, product, count("input elements", &[batch, conv.channels, conv.input[0], conv.input[1]])?)
            }
            LayerKind::Gemm(Gemm { m, n, k, groups, right }) => {
                for (what, size) in [("m", *m), ("n", *n), ("k", *k), ("the number of groups", *groups)] {
                    at_least_one(what, size)?;
                }
                // Samples share weights, so their rows are stacked; computed operands differ, so each sample has its products.
                let (rows, groups) = match right {
                    RightOperand::Weights => (count("rows of the product", &[*m, batch])?, *groups),
                    RightOperand::Computed => (*m, count("matrix products", &[*groups, batch])?),
                };
                let computed = if *right == RightOperand::Computed { count("input elements", &[groups, *k, *n])? } else { 0 };
                let inputs = count("input elements", &[groups, rows, *k])?.saturating_add(computed);
                ([1, 1], MatrixProduct { m: rows, k: *k, n: *n, groups }, count("input elements", &[inputs])?)
            }
        };
        let MatrixProduct { m, k, n, groups } = product;
        count("multiply-accumulates", &[groups, m, k, n])?;
        count("weights", &[groups, k, n])?;
        count("output elements", &[groups, m, n])?;
        Ok((output, product, input_elements))
    }

    /// Name, as given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the layer computes, for one sample.
    pub fn kind(&self) -> &LayerKind {
        &self.kind
    }

    /// Samples that the layer is applied to; all counts below are for all of them.
    pub fn batch(&self) -> u64 {
        self.batch
    }

    /// Height and width of a convolution's output; `[1, 1]` for matrix products.
    pub fn output_size(&self) -> [u64; 2] {
        self.output
    }

    /// The layer as matrix products.
    pub fn product(&self) -> MatrixProduct {
        self.product
    }

    /// Multiply-accumulates: groups x m x k x n. Those with padding count.
    pub fn macs(&self) -> u64 {
        let MatrixProduct { m, k, n, groups } = self.product;
        groups * m * k * n
    }

    /// Weights (no biases): groups x k x n, or none if the right operand is computed.
    pub fn weights(&self) -> u64 {
        let MatrixProduct { k, n, groups, .. } = self.product;
        match self.kind {
            LayerKind::Gemm(Gemm { right: RightOperand::Computed, .. }) => 0,
            _ => groups * k * n,
        }
    }

    /// Elements that come from other layers: the input without padding, or the left and any computed right operand.
    pub fn input_elements(&self) -> u64 {
        self.input_elements
    }

    /// Elements of the result: groups x m x n.
    pub fn output_elements(&self) -> u64 {
        self.product.groups * self.product.m * self.product.n
    }
}

/// Refuses a size of zero.
fn at_least_one(what: &str, size: u64) -> Result<(), String> {
    if size == 0 { Err(format!("{what} is 0; it must be at least 1")) } else { Ok(()) }
}

/// The product of `factors`, if it is at most [`LARGEST_COUNT`].
fn count(what: &str, factors: &[u64]) -> Result<u64, String> {
    let product = factors.iter().try_fold(1u64, |product, &factor| product.checked_mul(factor));
    let product = product.filter(|&product| product <= LARGEST_COUNT);
    product.ok_or_else(|| format!("{what} exceed 2^53; no such layer can be meant"))
}

#[cfg(test)]
mod tests;
