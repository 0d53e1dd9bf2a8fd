//! What can be wrong with running a network: each message names the place, what was found, and the way out.

use super::{DType, Dim};
use std::borrow::Cow;

/// Longest name and longest list that a message shows, in characters: both come from files.
const NAME: usize = 200;
const LIST: usize = 400;

/// A refusal to run, lower or shape a network.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NetworkError {
    /// Shape and data disagree.
    #[error("a tensor of shape {shape:?} cannot hold {elements} elements; give a shape whose product is {elements}")]
    TensorSize {
        /// Shape asked for.
        shape: Vec<usize>,
        /// Elements there are.
        elements: usize,
    },
    /// Wrong number of inputs.
    #[error("the network takes {expected} input(s) {names:?}, but {found} were given; give one tensor for each")]
    InputCount {
        /// Inputs of the network.
        expected: usize,
        /// Inputs given.
        found: usize,
        /// Names of the network's inputs.
        names: Vec<String>,
    },
    /// Wrong shape of an input.
    #[error(
        "input {input:?} has shape {found:?}, but the model declares [{}]; reshape it, or export the model with a \
         symbolic dimension where the size varies",
        list(expected)
    )]
    InputShape {
        /// Input's name.
        input: String,
        /// Shape given.
        found: Vec<usize>,
        /// Shape declared.
        expected: Vec<Dim>,
    },
    /// Two inputs bind one symbol to two sizes.
    #[error("symbolic dimension {symbol:?} is {first} in an earlier input but {second} in input {input:?}; make them equal")]
    Symbol {
        /// Symbol.
        symbol: String,
        /// Size bound first.
        first: usize,
        /// Size found later.
        second: usize,
        /// Where the second was found.
        input: String,
    },
    /// Wrong element type.
    #[error("tensor {tensor:?} is {found}, expected {expected}; convert it first")]
    Type {
        /// Tensor's name.
        tensor: String,
        /// Type given.
        found: DType,
        /// Types that will do.
        expected: String,
    },
    /// An integer that its type does not have.
    #[error("tensor {tensor:?} holds {value}, expected {low} to {high} ({bits}-bit integers); quantize it to that width")]
    Range {
        /// Tensor's name.
        tensor: String,
        /// The integer.
        value: i32,
        /// Smallest there may be.
        low: i32,
        /// Largest there may be.
        high: i32,
        /// The width.
        bits: u8,
    },
    /// A layer is not defined on this shape.
    #[error(
        "{:?} ({operator}): input of shape {}: {}",
        excerpt(node, NAME),
        excerpt(&shape_list(shapes), LIST),
        excerpt(problem, LIST)
    )]
    Shape {
        /// Node's name.
        node: String,
        /// Kind of node.
        operator: &'static str,
        /// Shapes of the inputs, as far as they are known.
        shapes: Vec<Option<Vec<Dim>>>,
        /// What is wrong with it and what would be right.
        problem: String,
    },
    /// A layer's numbers contradict each other; the importer never makes one.
    #[error("layer {layer:?} is inconsistent: {problem}; import the model again")]
    Layer {
        /// Layer's name.
        layer: String,
        /// What contradicts what.
        problem: String,
    },
    /// An accumulator leaves int32.
    #[error(
        "layer {layer:?}: accumulator {value} of output channel {channel} does not fit int32 \
         ({weight_bits}-bit weights, {act_bits}-bit activations); reduce the bias or split the reduction"
    )]
    Overflow {
        /// Layer's name.
        layer: String,
        /// Output channel.
        channel: usize,
        /// The sum.
        value: i64,
        /// Weight width.
        weight_bits: u8,
        /// Activation width.
        act_bits: u8,
    },
    /// A width the machine does not have.
    #[error("layer {layer:?}: {what} of {found} bits; the machine has {supported}")]
    Width {
        /// Layer's name.
        layer: String,
        /// `weights` or `activations`.
        what: &'static str,
        /// Width asked for.
        found: u8,
        /// Widths there are.
        supported: &'static str,
    },
    /// One tensor, two widths.
    #[error(
        "tensor {tensor:?} is read at {first_bits} bits by layer {first:?} and at {second_bits} bits by layer {second:?}; \
         its producer writes it once, so give both layers the same activation width"
    )]
    WidthConflict {
        /// Tensor's name.
        tensor: String,
        /// First layer.
        first: String,
        /// Its width.
        first_bits: u8,
        /// Second layer.
        second: String,
        /// Its width.
        second_bits: u8,
    },
    /// A tensor cannot be narrowed.
    #[error(
        "layer {layer:?} cannot read {tensor:?} at {bits} bits: {problem}; run it at 8 bits, or quantize the model so \
         that producer and reader of a tensor share scale and zero point"
    )]
    CannotNarrow {
        /// Layer's name.
        layer: String,
        /// Tensor's name.
        tensor: String,
        /// Width asked for.
        bits: u8,
        /// Why not.
        problem: String,
    },
    /// Channels of a layer that cannot have a precision of their own.
    #[error("layer {layer:?} cannot have important channels: {problem}; leave them out of the plan, or name others")]
    Channels {
        /// Layer's name.
        layer: String,
        /// Why not.
        problem: String,
    },
    /// A plan names a layer that does not exist.
    #[error("there is no layer {layer:?}; the array's layers are {known:?}")]
    NoSuchLayer {
        /// Name asked for.
        layer: String,
        /// Names there are.
        known: Vec<String>,
    },
}

/// The first `most` characters of a text.
pub(crate) fn excerpt(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

fn shape_list(shapes: &[Option<Vec<Dim>>]) -> String {
    let one = |shape: &Option<Vec<Dim>>| shape.as_ref().map_or("?".to_string(), |dims| format!("[{}]", list(dims)));
    shapes.iter().map(one).collect::<Vec<_>>().join(" and ")
}

fn list(shape: &[Dim]) -> String {
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
