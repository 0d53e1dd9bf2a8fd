//! What a plan may choose: one activation width for each class of tensors, one weight width for each layer.
//!
//! ```text
//!   class 0 ──▶ conv1 ──▶ class 1 ──┬─▶ conv2 ──▶ class 2 ──▶ ...       a class: tensors that have one width
//!     A0         W1         A1      └─▶ shortcut                        conv1 costs cost(A0, W1, A1)
//!                 W2 (conv2), W3 (shortcut)
//! ```
//! A layer's pair is the width of the class it reads and of its weights. What a layer costs depends on its pair and, where the machine
//! requantizes its output, on the width of the class it writes, since narrow results are packed more densely. Which widths a class may
//! have is asked of [`PrecisionPlan::tensor_bits`], the one place that knows.

use super::PlannerError;
use crate::network::precision::width_classes;
use crate::network::{LayerPrecision, Network, PrecisionPlan, Rounding};
use std::collections::BTreeMap;
use std::fmt;

/// Widths of one layer: `a8w4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pair {
    /// Activation width in bits: 8, 4 or 2.
    pub act: u8,
    /// Weight width in bits: 8, 6, 4 or 2.
    pub weight: u8,
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a{}w{}", self.act, self.weight)
    }
}

impl Pair {
    /// Reads `a8w4`.
    pub fn parse(text: &str) -> Option<Self> {
        let (act, weight) = text.strip_prefix('a')?.split_once('w')?;
        let pair = Self { act: act.parse().ok()?, weight: weight.parse().ok()? };
        let known = matches!(pair.act, 8 | 4 | 2) && matches!(pair.weight, 8 | 6 | 4 | 2);
        // Of the ways to write a number, only the plain one.
        (known && pair.to_string() == text).then_some(pair)
    }
}

/// Tensors that have one width, and layers of the array that read them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// Name of a tensor that a layer reads.
    pub tensor: String,
    /// Layers that read it, as indices of [`Choices::layers`]; at least one.
    pub readers: Vec<usize>,
    /// Widths that it may have, widest first; at least one.
    pub widths: Vec<u8>,
}

/// A layer of the array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerChoice {
    /// Its name.
    pub name: String,
    /// Index of its node in [`Network::nodes`].
    pub node: usize,
    /// The class that it reads, as an index of [`Choices::classes`].
    pub input: usize,
    /// The class that the machine requantizes its results for; `None` where their width is not to be chosen.
    pub output: Option<usize>,
    /// Most bits that its results have.
    pub output_bits: u8,
    /// Constant weights.
    pub weights: u64,
}

/// What there is to choose in a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choices {
    /// Classes of tensors that layers of the array read.
    pub classes: Vec<Class>,
    /// Layers, in order.
    pub layers: Vec<LayerChoice>,
    /// Weight widths that every layer may have, widest first.
    pub weight_widths: Vec<u8>,
    /// How int8 weights are rounded to fewer bits.
    pub rounding: Rounding,
}

/// A choice: one width for each class and one for the weights of each layer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Assignment {
    /// Activation widths, indexed as [`Choices::classes`].
    pub acts: Vec<u8>,
    /// Weight widths, indexed as [`Choices::layers`].
    pub weights: Vec<u8>,
}

impl Choices {
    /// The choices of a network; `weight_widths` in any order.
    ///
    /// # Errors
    /// If the network has no layer on the array, or its layers cannot be planned at all.
    pub fn of(network: &Network, weight_widths: &[u8], rounding: Rounding) -> Result<Self, PlannerError> {
        let tensors = width_classes(network);
        let mut index_of = BTreeMap::new();
        let mut classes: Vec<Class> = Vec::new();
        let mut layers = Vec::new();
        for (node, layer) in network.array_layers() {
            let Some(input) = network.nodes[node].inputs.first().copied().flatten() else { continue };
            let input = *index_of.entry(tensors[input.0]).or_insert_with(|| {
                classes.push(Class { tensor: network.tensor(input).name.clone(), readers: Vec::new(), widths: Vec::new() });
                classes.len() - 1
            });
            classes[input].readers.push(layers.len());
            let weights = layer.weights.len() as u64;
            layers.push(LayerChoice { name: layer.name.clone(), node, input, output: None, output_bits: 8, weights });
        }
        if layers.is_empty() {
            return Err(PlannerError::NoLayers);
        }
        for choice in &mut layers {
            let Some(output) = network.nodes[choice.node].outputs.first() else { continue };
            choice.output_bits = network.tensor(*output).bits;
            let requantized = network.nodes[choice.node].op.array_layer().is_some_and(|layer| layer.read_out().is_none());
            choice.output = index_of.get(&tensors[output.0]).copied().filter(|_| requantized);
        }
        let mut weight_widths = weight_widths.to_vec();
        weight_widths.sort_unstable_by(|a, b| b.cmp(a));
        weight_widths.dedup();
        let mut this = Self { classes, layers, weight_widths, rounding };
        for class in 0..this.classes.len() {
            this.classes[class].widths = this.possible(network, class)?;
        }
        Ok(this)
    }

    /// Widths of a class that a plan may ask for, the others at their widest; those beyond the file's own width are that width.
    fn possible(&self, network: &Network, class: usize) -> Result<Vec<u8>, PlannerError> {
        let mut widths = Vec::new();
        let mut refusal = None;
        let readers = &self.classes[class].readers;
        let layer = |reader: usize| network.nodes[self.layers[reader].node].op.array_layer();
        let native = readers.iter().filter_map(|&reader| Some(layer(reader)?.input.bits)).max().unwrap_or(8);
        for width in [8, 4, 2].into_iter().filter(|&width| width <= native) {
            let mut plan = PrecisionPlan::default();
            for &reader in readers {
                plan.layers.insert(self.layers[reader].name.clone(), self.precision(Pair { act: width, weight: 8 }));
            }
            match plan.tensor_bits(network) {
                Ok(_) => widths.push(width),
                Err(error) => refusal = Some(error),
            }
        }
        match refusal {
            Some(error) if widths.is_empty() => Err(error.into()),
            _ => Ok(widths),
        }
    }

    /// A pair as a plan has it.
    pub fn precision(&self, pair: Pair) -> LayerPrecision {
        LayerPrecision { weight_bits: pair.weight, act_bits: pair.act, rounding: self.rounding, refined: false }
    }

    /// All at their widest: what budgets are shares of, and losses are counted from.
    pub fn widest(&self) -> Assignment {
        let acts = self.classes.iter().map(|class| class.widths.first().copied().unwrap_or(8)).collect();
        Assignment { acts, weights: vec![self.weight_widths.first().copied().unwrap_or(8); self.layers.len()] }
    }

    /// All alike; classes that may not have the width have the next wider one that they may.
    pub fn uniform(&self, pair: Pair) -> Assignment {
        let nearest = |class: &Class| {
            let wider = class.widths.iter().rev().find(|&&width| width >= pair.act);
            wider.or(class.widths.first()).copied().unwrap_or(8)
        };
        Assignment { acts: self.classes.iter().map(nearest).collect(), weights: vec![pair.weight; self.layers.len()] }
    }

    /// The pair of a layer.
    pub fn pair(&self, assignment: &Assignment, layer: usize) -> Pair {
        Pair { act: assignment.acts[self.layers[layer].input], weight: assignment.weights[layer] }
    }

    /// The width of a layer's results.
    pub fn output_width(&self, assignment: &Assignment, layer: usize) -> u8 {
        let choice = &self.layers[layer];
        choice.output.map_or(8, |class| assignment.acts[class]).min(choice.output_bits)
    }

    /// Pairs that a layer may have, widest first.
    pub fn pairs(&self, layer: usize) -> impl Iterator<Item = Pair> {
        let acts = &self.classes[self.layers[layer].input].widths;
        acts.iter().flat_map(|&act| self.weight_widths.iter().map(move |&weight| Pair { act, weight }))
    }

    /// Widths that a layer's results may have, widest first, as [`Choices::output_width`] gives them.
    pub fn output_widths(&self, layer: usize) -> Vec<u8> {
        let choice = &self.layers[layer];
        let widths = choice.output.map_or(&[8][..], |class| &self.classes[class].widths);
        let mut widths: Vec<u8> = widths.iter().map(|&width| width.min(choice.output_bits)).collect();
        widths.dedup();
        widths
    }

    /// An assignment as a plan that names every layer.
    pub fn plan(&self, assignment: &Assignment) -> PrecisionPlan {
        let mut plan = PrecisionPlan::default();
        for (index, layer) in self.layers.iter().enumerate() {
            plan.layers.insert(layer.name.clone(), self.precision(self.pair(assignment, index)));
        }
        plan
    }

    /// An assignment as the text of a plan file; `heading` becomes comments, line by line.
    pub fn plan_file(&self, assignment: &Assignment, heading: &str) -> String {
        let mut text: String = heading.lines().map(|line| format!("# {line}\n")).collect();
        for (index, layer) in self.layers.iter().enumerate() {
            let Pair { act, weight } = self.pair(assignment, index);
            let (name, rounding) = (toml::Value::String(layer.name.clone()), rounding_name(self.rounding));
            text += &format!("\n[[layer]]\nname = {name}\nact_bits = {act}\nweight_bits = {weight}\nrounding = \"{rounding}\"\n");
        }
        text
    }
}

/// A rounding as plan files name it.
const fn rounding_name(rounding: Rounding) -> &'static str {
    match rounding {
        Rounding::Floor => "floor",
        Rounding::HalfUp => "half-up",
        Rounding::HalfEven => "half-even",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits;
    use crate::network::plan_file::PlanFile;

    #[test]
    fn the_digits_are_a_chain() {
        let network = digits::load().unwrap().network;
        let choices = Choices::of(&network, &[2, 8, 4], Rounding::HalfEven).unwrap();
        assert_eq!(choices.weight_widths, [8, 4, 2]);
        assert_eq!(choices.classes.len(), 4);
        for (index, layer) in choices.layers.iter().enumerate() {
            assert_eq!((layer.input, choices.pairs(index).count()), (index, 9), "{}", layer.name);
            assert_eq!(layer.output, (index < 3).then_some(index + 1), "{}", layer.name);
        }
    }

    #[test]
    fn a_plan_file_says_what_the_plan_is() {
        let network = digits::load().unwrap().network;
        for rounding in [Rounding::Floor, Rounding::HalfUp, Rounding::HalfEven] {
            let choices = Choices::of(&network, &[8, 4, 2], rounding).unwrap();
            let assignment = Assignment { acts: vec![8, 4, 2, 4], weights: vec![2, 4, 8, 2] };
            let text = choices.plan_file(&assignment, "a heading\nof two lines");
            assert!(text.starts_with("# a heading\n# of two lines\n\n[[layer]]\n"), "{text}");
            let plan = PlanFile::parse(&text, "x").unwrap().plan_for(&network, LayerPrecision::default()).unwrap();
            assert_eq!(plan, choices.plan(&assignment));
        }
    }

    #[test]
    fn pairs_are_read_as_they_are_written() {
        for act in [8, 4, 2] {
            for weight in [8, 6, 4, 2] {
                let pair = Pair { act, weight };
                assert_eq!(Pair::parse(&pair.to_string()), Some(pair));
            }
        }
        for text in ["", "a8", "w8", "a8w3", "a6w8", "a08w8", "a8w+8", "a8w8 ", "8w8"] {
            assert_eq!(Pair::parse(text), None, "{text:?}");
        }
    }
}
