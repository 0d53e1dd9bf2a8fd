//! Input channels that deserve 8 bits while the others have fewer: which they are, and what it takes to store the difference.
//!
//! The scheme is that of DQA (arXiv 2412.09687): important channels keep more bits, the others are quantized coarsely. There the extra
//! bits are stored apart as shifting errors, Huffman-coded; here the array multiplies important channels at 8 bits and the others
//! at their own width, in one accumulator.
//!
//! A channel's importance is the disturbance that narrowing it would cause: the sum over the calibration set of the squared error of
//! its integers, times the sum of its squared weights.

use std::collections::{BTreeMap, BinaryHeap};

use super::packing::{Matrices, check_important};
use super::{Contract, Execution, Network, NetworkError, Op, PrecisionPlan, QuantParams, Tensor, run};
use crate::network::Arithmetic;

/// Adds to a plan, for each layer of `counts`, that many important channels: those that a calibration set ranks first.
///
/// # Errors
/// Layers that cannot have important channels, more channels than there are, and inputs that do not fit the network.
pub fn calibrate(
    network: &Network,
    inputs: &[Tensor],
    plan: &mut PrecisionPlan,
    counts: &BTreeMap<String, usize>,
) -> Result<(), NetworkError> {
    if counts.is_empty() {
        return Ok(());
    }
    // At 8 bits, so that the error of narrowing is the only one.
    let execution = run(network, inputs, &PrecisionPlan::default(), &Contract)?;
    for (index, layer) in network.array_layers() {
        let Some(&count) = counts.get(&layer.name) else { continue };
        let op = &network.nodes[index].op;
        let refuse = |problem| NetworkError::Channels { layer: layer.name.clone(), problem };
        check_important(op, &[])?;
        let Some(matrices) = Matrices::of(op) else { continue };
        if count > matrices.channels {
            return Err(refuse(format!("{count} important channels of {}", matrices.channels)));
        }
        let act_bits = plan.of(op).act_bits;
        let energy = weight_energy(&matrices);
        let mut quant = layer.input;
        let computed = network.nodes[index].inputs.get(2).copied().flatten();
        if let Some(zero) = computed.and_then(|id| execution.tensors[id.0].as_deref()?.ints()?.first().copied()) {
            quant.zero_point = zero;
        }
        let errors = squared_errors(&integers(network, &execution, index)?, &quant, act_bits, matrices.channels);
        let mut ranked: Vec<usize> = (0..matrices.channels).collect();
        // Exact ties go to the lower channel, so that the ranking does not depend on the sort.
        ranked.sort_by(|&a, &b| (errors[b] * energy[b]).total_cmp(&(errors[a] * energy[a])).then(a.cmp(&b)));
        ranked.truncate(count);
        ranked.sort_unstable();
        plan.important.insert(layer.name.clone(), ranked);
    }
    Ok(())
}

/// A layer's input: its integers, and the number of elements between neighbouring channels.
struct Integers {
    values: Vec<i32>,
    inner: usize,
}

fn integers(network: &Network, execution: &Execution, node: usize) -> Result<Integers, NetworkError> {
    let op = &network.nodes[node].op;
    let tensor = network.nodes[node].inputs.first().copied().flatten().and_then(|id| execution.tensors[id.0].as_deref());
    let name = || op.array_layer().map_or_else(String::new, |layer| layer.name.clone());
    let missing = || NetworkError::Channels { layer: name(), problem: "its input was not computed".into() };
    let tensor = tensor.ok_or_else(missing)?;
    let inner = match op {
        Op::Conv(_) => tensor.shape().iter().skip(2).product(),
        _ => 1,
    };
    Ok(Integers { values: tensor.ints().ok_or_else(missing)?, inner })
}

/// Sum of the squared weights of each input channel.
fn weight_energy(matrices: &Matrices<'_>) -> Vec<f64> {
    let mut energy = vec![0.0; matrices.channels];
    for k in 0..matrices.k() {
        for column in 0..matrices.n() {
            let weight = i32::from(matrices.weight(0, k, column)) - matrices.zero_point(column);
            energy[k % matrices.channels] += f64::from(weight).powi(2);
        }
    }
    energy
}

/// Sum of the squared errors that narrowing makes in each channel, in 8-bit units.
fn squared_errors(input: &Integers, quant: &QuantParams, bits: u8, channels: usize) -> Vec<f64> {
    let narrowed = quant.at_bits(bits);
    let mut errors = vec![0.0; channels];
    for (index, &value) in input.values.iter().enumerate() {
        let value = value - quant.zero_point;
        let (zero, low, high) = (narrowed.zero_point, narrowed.low, narrowed.high);
        let narrow = (Contract.requantize(value, 1.0, i32::from(8 - bits), zero, low, high) - zero) << (8 - bits);
        errors[index / input.inner.max(1) % channels] += f64::from(value - narrow).powi(2);
    }
    errors
}

/// What the extra bits of a layer's important channels take to store.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ShiftingErrors {
    /// The layer.
    pub layer: String,
    /// Its input channels.
    pub channels: usize,
    /// The important ones.
    pub important: usize,
    /// Bits of a shifting error: 8 less the width of the other channels.
    pub error_bits: u8,
    /// Integers in important channels.
    pub elements: usize,
    /// `elements * error_bits`.
    pub raw_bits: u64,
    /// The same with an optimal Huffman code for this layer's errors.
    pub huffman_bits: u64,
    /// Bits of that code's table: a length of 4 bits for each possible error.
    pub table_bits: u64,
}

/// The shifting errors of every layer with important channels, in an execution at that plan.
///
/// # Errors
/// If the execution is not one of this network.
pub fn shifting_errors(
    network: &Network,
    execution: &Execution,
    plan: &PrecisionPlan,
) -> Result<Vec<ShiftingErrors>, NetworkError> {
    let mut result = Vec::new();
    for (index, layer) in network.array_layers() {
        let op = &network.nodes[index].op;
        let (Some(important), Some(matrices)) = (plan.important(op), Matrices::of(op)) else { continue };
        let error_bits = 8 - plan.of(op).act_bits;
        if error_bits == 0 {
            continue; // All channels have 8 bits.
        }
        let input = integers(network, execution, index)?;
        let mut histogram = vec![0u64; 1 << error_bits];
        for (at, value) in input.values.iter().enumerate() {
            if important.binary_search(&(at / input.inner.max(1) % matrices.channels)).is_ok() {
                histogram[(*value as usize) & ((1 << error_bits) - 1)] += 1;
            }
        }
        let elements = histogram.iter().sum::<u64>();
        result.push(ShiftingErrors {
            layer: layer.name.clone(),
            channels: matrices.channels,
            important: important.len(),
            error_bits,
            elements: elements as usize,
            raw_bits: elements * u64::from(error_bits),
            huffman_bits: huffman_bits(&histogram),
            table_bits: 4 * histogram.len() as u64,
        });
    }
    Ok(result)
}

/// Length of a text in an optimal prefix code for its symbols' counts: the sum of all merged weights (Huffman, 1952). A single symbol
/// takes one bit each.
fn huffman_bits(histogram: &[u64]) -> u64 {
    use std::cmp::Reverse;
    let mut heap: BinaryHeap<Reverse<u64>> = histogram.iter().filter(|&&count| count > 0).map(|&count| Reverse(count)).collect();
    if heap.len() == 1 {
        return histogram.iter().sum();
    }
    let mut bits = 0;
    while let (Some(Reverse(a)), Some(Reverse(b))) = (heap.pop(), heap.pop()) {
        bits += a + b;
        if heap.is_empty() {
            break;
        }
        heap.push(Reverse(a + b));
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huffman_codes_are_optimal() {
        assert_eq!(huffman_bits(&[]), 0);
        assert_eq!(huffman_bits(&[0, 7, 0]), 7);
        assert_eq!(huffman_bits(&[5, 5]), 10);
        // Lengths 1, 2, 3, 3.
        assert_eq!(huffman_bits(&[8, 4, 2, 1]), 8 + 8 + 6 + 3);
        assert_eq!(huffman_bits(&[1; 16]), 64);
    }
}
