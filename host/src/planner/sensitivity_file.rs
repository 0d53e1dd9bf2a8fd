//! Sensitivities from a file: traces of Hessians, or losses, by layer.
//!
//! ```toml
//! [[layer]]
//! name = "conv1"
//! trace = 12.5                          # mean trace of the Hessian of the loss in the layer's weights
//!
//! [[layer]]
//! name = "conv2"
//! loss = { a8w4 = 0.01, a4w4 = 0.03 }   # loss when this layer alone has the pair; the widest pair has 0 unless given
//! ```
//! A trace gives `loss = trace * sum (Q(w) - w)^2`, the second-order term of HAWQ-V2 (arXiv 1911.03852), with the error of the int8 weights
//! as the precision switch rounds them, in the units of the float weights. It says nothing about activations, so these stay at their
//! widest in classes that a layer with a trace reads. Pairs without a loss are not chosen. Every layer must be there.
//!
//! Plans are compared by losses in 2^32 parts of the sum of each layer's largest, so a file whose least loss is no part of that is refused:
//! it would count for nothing.

use super::choices::{Choices, Pair};
use super::error::PlannerError;
use super::problem::Scale;
use super::sensitivity::{Predicted, Sensitivities};
use crate::network::{Arithmetic, ArrayLayer, Contract, Network, Rounding};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "layer")]
    layers: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    trace: Option<f64>,
    loss: Option<BTreeMap<String, f64>>,
}

/// Reads a file; `origin` names it in errors.
///
/// # Errors
/// If it is not such a file, names a layer that does not exist, twice or not at all, or has a number that is negative or none.
pub fn parse(text: &str, origin: &str, network: &Network, choices: &Choices) -> Result<Sensitivities, PlannerError> {
    let refuse = |problem: String| PlannerError::Sensitivities { origin: origin.to_owned(), problem };
    let file: File = toml::from_str(text).map_err(|error| refuse(format!("not a sensitivity file: {error}")))?;
    let known: Vec<&str> = choices.layers.iter().map(|layer| layer.name.as_str()).collect();
    let mut entries: Vec<Option<Entry>> = choices.layers.iter().map(|_| None).collect();
    for entry in file.layers {
        let place = known.iter().position(|name| *name == entry.name);
        let place =
            place.ok_or_else(|| refuse(format!("no layer is named {:?}; the array's layers are {known:?}", entry.name)))?;
        if entries[place].is_some() {
            return Err(refuse(format!("[[layer]] {:?} stands there twice: leave one", entry.name)));
        }
        entries[place] = Some(entry);
    }
    let mut this = Sensitivities::zero(choices, format!("loss of {origin}"));
    for (index, entry) in entries.into_iter().enumerate() {
        let name = &choices.layers[index].name;
        let entry = entry.ok_or_else(|| refuse(format!("there is no [[layer]] {name:?}: every layer of the array needs one")))?;
        let refuse = |problem: String| refuse(format!("[[layer]] {name:?}: {problem}"));
        let node = choices.layers[index].node;
        let losses = match (entry.trace, entry.loss) {
            (Some(trace), None) if trace.is_finite() && trace >= 0.0 => {
                let layer = network.nodes[node].op.array_layer();
                let layer = layer.filter(|layer| !layer.weights.is_empty());
                let layer = layer.ok_or_else(|| refuse("its weights are computed, so it has no trace: give loss".into()))?;
                of_trace(choices, index, layer, trace).map_err(refuse)?
            }
            (Some(trace), None) => return Err(refuse(format!("trace = {trace}: expected a number of 0 or more"))),
            (None, Some(losses)) => of_losses(choices, index, &losses).map_err(refuse)?,
            (None, None) => return Err(refuse("expected trace or loss".into())),
            (Some(_), Some(_)) => return Err(refuse("trace and loss are both there: leave one".into())),
        };
        this.excess[index] = losses;
    }
    comparable(&this, &known).map_err(refuse)?;
    // A class can have only widths at which each of its readers has a choice.
    for (class, info) in choices.classes.iter().enumerate() {
        this.base[class].retain(|width, _| info.readers.iter().all(|&r| this.excess[r].keys().any(|pair| pair.act == *width)));
        if this.base[class].is_empty() {
            let names: Vec<&str> = info.readers.iter().map(|&reader| known[reader]).collect();
            return Err(refuse(format!("layers {names:?} read one tensor, but no activation width has losses of all of them")));
        }
    }
    Ok(this)
}

/// Refuses losses of which the least would be rounded to none beside the largest, or that have no sum.
fn comparable(sensitivities: &Sensitivities, names: &[&str]) -> Result<(), String> {
    let all = sensitivities.excess.iter().zip(names);
    let all = all.flat_map(|(excess, name)| excess.iter().map(move |(pair, predicted)| (predicted.loss, pair, name)));
    let mut losses: Vec<_> = all.filter(|(loss, ..)| *loss > 0.0).collect();
    losses.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (Some(least), Some(largest)) = (losses.first(), losses.last()) else { return Ok(()) };
    let problem = match Scale::of(sensitivities) {
        Some(scale) if scale.parts(least.0) > 0 => return Ok(()),
        Some(_) => "the largest leaves nothing of the least",
        None => "the sum of each layer's largest is infinite",
    };
    let show = |(loss, pair, name): &(f64, &Pair, &&str)| format!("{loss:e} ({name:?} at {pair})");
    let (least, largest) = (show(least), show(largest));
    Err(format!(
        "losses lie between {least} and {largest}: {problem}; expected at least 2^-33 of the sum of each layer's largest"
    ))
}

/// Losses of a layer's weight widths by its trace, activations at their widest.
fn of_trace(choices: &Choices, index: usize, layer: &ArrayLayer, trace: f64) -> Result<BTreeMap<Pair, Predicted>, String> {
    let act = choices.classes[choices.layers[index].input].widths.first().copied().unwrap_or(8);
    let predicted = |&weight: &u8| {
        let (pair, error) = (Pair { act, weight }, squared_error(layer, weight, choices.rounding));
        let loss = trace * error;
        if !loss.is_finite() {
            return Err(format!("trace = {trace:e}: times the squared error {error:e} of its weights at {pair} it is infinite"));
        }
        Ok((pair, Predicted { loss, errors: 0.0 }))
    };
    choices.weight_widths.iter().map(predicted).collect()
}

fn of_losses(choices: &Choices, index: usize, losses: &BTreeMap<String, f64>) -> Result<BTreeMap<Pair, Predicted>, String> {
    let pairs: Vec<Pair> = choices.pairs(index).collect();
    let mut all = BTreeMap::new();
    if let Some(&widest) = pairs.first() {
        all.insert(widest, Predicted::default());
    }
    for (name, &loss) in losses {
        let pair = Pair::parse(name).filter(|pair| pairs.contains(pair));
        let pair = pair.ok_or_else(|| {
            let names: Vec<String> = pairs.iter().map(ToString::to_string).collect();
            format!("it cannot run at {name:?}; expected {}", names.join(", "))
        })?;
        if !(loss.is_finite() && loss >= 0.0) {
            return Err(format!("{name} = {loss}: expected a number of 0 or more"));
        }
        all.insert(pair, Predicted { loss, errors: 0.0 });
    }
    Ok(all)
}

/// Sum of the squared errors of a layer's weights at a width, in the units of its float weights: exact in integers for each output
/// channel, then scaled.
pub fn squared_error(layer: &ArrayLayer, weight_bits: u8, rounding: Rounding) -> f64 {
    let dropped = 8 - weight_bits.clamp(1, 8);
    let error = |&weight: &i8| {
        let switched = i64::from(Contract.switch(weight, weight_bits, rounding)) << dropped;
        (switched - i64::from(weight)).pow(2)
    };
    let channel = |channel: usize| {
        let sum: i64 = layer.channel_weights(channel).iter().map(error).sum();
        sum as f64 * f64::from(layer.weight_scale(channel)).powi(2)
    };
    (0..layer.out_channels).map(channel).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits;

    fn digits() -> (Network, Choices) {
        let network = digits::load().unwrap().network;
        let choices = Choices::of(&network, &[8, 4, 2], Rounding::HalfEven).unwrap();
        (network, choices)
    }

    #[test]
    fn traces_weigh_the_error_of_the_weights() {
        let (network, choices) = digits();
        let text: String =
            choices.layers.iter().map(|layer| format!("[[layer]]\nname = \"{}\"\ntrace = 2.0\n", layer.name)).collect();
        let found = parse(&text, "x", &network, &choices).unwrap();
        let layer = network.array_layers().next().unwrap().1;
        let mut expected = 0.0;
        for channel in 0..layer.out_channels {
            for &weight in layer.channel_weights(channel) {
                // Half-even to four bits, stated a second time.
                let switched = (f64::from(weight) / 16.0).round_ties_even().clamp(-8.0, 7.0) * 16.0;
                expected += ((switched - f64::from(weight)) * f64::from(layer.weight_scale(channel))).powi(2);
            }
        }
        let loss = found.excess[0][&Pair { act: 8, weight: 4 }].loss;
        assert!((loss / (2.0 * expected) - 1.0).abs() < 1e-12, "{loss}, expected {}", 2.0 * expected);
        assert_eq!(found.excess[0][&Pair { act: 8, weight: 8 }].loss, 0.0);
        assert!(found.base.iter().all(|base| base.keys().eq([&8])), "activations stay at their widest");
    }

    #[test]
    fn files_that_do_not_fit_are_refused() {
        let (network, choices) = digits();
        let rest =
            "[[layer]]\nname=\"conv2\"\ntrace=1.0\n[[layer]]\nname=\"conv3\"\ntrace=1.0\n[[layer]]\nname=\"fc\"\ntrace=1.0\n";
        for (text, problem) in [
            ("", "there is no [[layer]] \"conv1\": every layer of the array needs one"),
            (
                "[[layer]]\nname=\"x\"\ntrace=1.0",
                "no layer is named \"x\"; the array's layers are [\"conv1\", \"conv2\", \"conv3\", \"fc\"]",
            ),
            ("[[layer]]\nname=\"fc\"\ntrace=1.0", "[[layer]] \"fc\" stands there twice: leave one"),
            ("[[layer]]\nname=\"conv1\"", "[[layer]] \"conv1\": expected trace or loss"),
            ("[[layer]]\nname=\"conv1\"\ntrace=1.0\nloss={}", "[[layer]] \"conv1\": trace and loss are both there: leave one"),
            ("[[layer]]\nname=\"conv1\"\ntrace=-1.0", "[[layer]] \"conv1\": trace = -1: expected a number of 0 or more"),
            ("[[layer]]\nname=\"conv1\"\ntrace=nan", "[[layer]] \"conv1\": trace = NaN: expected a number of 0 or more"),
            ("[[layer]]\nname=\"conv1\"\nloss={a8w4=inf}", "[[layer]] \"conv1\": a8w4 = inf: expected a number of 0 or more"),
            (
                "[[layer]]\nname=\"conv1\"\nloss={a8w3=1.0}",
                "[[layer]] \"conv1\": it cannot run at \"a8w3\"; expected a8w8, a8w4, a8w2, a4w8, a4w4, a4w2, a2w8, a2w4, a2w2",
            ),
            ("[[layer]]\nname=\"conv1\"\nhessian=1.0", "not a sensitivity file: "),
            ("[[layer]]\nname=\"conv1\"\ntrace=1e308", "[[layer]] \"conv1\": trace = 1e308: times the squared error "),
        ] {
            let error = parse(&format!("{rest}{text}"), "s.toml", &network, &choices).unwrap_err().to_string();
            assert!(error.starts_with(&format!("s.toml: {problem}")), "{error}");
        }
    }

    #[test]
    fn losses_that_erase_others_are_refused() {
        let (network, choices) = digits();
        let parsed = |losses: [&str; 4]| {
            let entries = choices.layers.iter().zip(losses);
            let text: String =
                entries.map(|(l, loss)| format!("[[layer]]\nname = \"{}\"\nloss = {{ {loss} }}\n", l.name)).collect();
            parse(&text, "s.toml", &network, &choices).map_err(|error| error.to_string())
        };
        let rest = ["a8w4 = 0.03", "a8w4 = 0.01, a4w4 = 0.5", "a8w4 = 0.02"];
        let with = |first| parsed([first, rest[0], rest[1], rest[2]]);
        let said = with("a2w2 = 1e12").unwrap_err();
        assert!(
            said.starts_with(
                "s.toml: losses lie between 1e-2 (\"conv3\" at a8w4) and 1e12 (\"conv1\" at a2w2): the largest leaves"
            ),
            "{said}"
        );
        // As far as the parts reach, and losses of nothing.
        for largest in ["a2w2 = 1e7", "a2w2 = 0.0"] {
            let found = with(largest).unwrap();
            let scale = Scale::of(&found).unwrap();
            assert!(found.excess.iter().flat_map(BTreeMap::values).all(|p| (p.loss > 0.0) == (scale.parts(p.loss) > 0)));
        }
        assert!(parsed(["", "", "", ""]).is_ok());
        let said = parsed(["a2w2 = 1e308", "a2w2 = 1e308", rest[1], rest[2]]).unwrap_err();
        assert!(said.contains("and 1e308 (\"conv2\" at a2w2): the sum of each layer's largest is infinite"), "{said}");
    }
}
