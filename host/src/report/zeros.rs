//! Bit operations without those of weights that are 0: what a machine that skips zeros would be asked for.
//!
//! A weight is looked at as the array gets it, at its layer's width and rounding, so fewer bits make more zeros. Activations are not looked
//! at, as they depend on data. Crumb itself skips only whole rows and columns of zeros.

use crate::estimate::network::NetworkEstimate;
use crate::network::packing::Matrices;
use crate::network::{LayerPrecision, Network, Op, PrecisionPlan};
use crumb_arch::WeightFormat;
use crumb_arch::precision::WeightBits;

/// Weights of a layer that are not 0: in rows of important channels, and in the others.
fn counted(op: &Op, precision: LayerPrecision, important: Option<&[usize]>) -> Option<[u64; 2]> {
    // Where 0 does not mean zero, products with it are no zeros.
    let matrices = Matrices::of(op).filter(Matrices::is_plain)?;
    let bits = WeightBits::try_from(precision.effective_weight_bits()).ok()?;
    let format = WeightFormat::top(bits, precision.rounding);
    let mut found = [0, 0];
    for group in 0..matrices.groups {
        for k in 0..matrices.k() {
            let wide = important.is_some_and(|channels| channels.binary_search(&(k % matrices.channels)).is_ok());
            let nonzero = (0..matrices.n()).filter(|&column| format.apply(matrices.weight(group, k, column)) != 0).count();
            found[usize::from(!wide)] += nonzero as u64;
        }
    }
    Some(found)
}

/// `sum of rows * A * W` over weights that are not 0, and all of a product of two computed operands; `None` if some layer's weights have a
/// zero point other than 0.
pub fn bops_without_zeros(network: &Network, plan: &PrecisionPlan, estimate: &NetworkEstimate) -> Option<u64> {
    let mut sum = 0u64;
    for layer in &estimate.layers {
        let node = network.nodes.iter().find(|node| node.op.array_layer().is_some_and(|found| found.name == layer.name))?;
        if matches!(node.op, Op::MatMul(_)) {
            sum += layer.cost.bops;
            continue;
        }
        let precision = layer.report.precision;
        let [wide, narrow] = counted(&node.op, precision, plan.important(&node.op))?;
        let bits = 8 * wide + u64::from(layer.act_bits) * narrow;
        sum += layer.m * bits * u64::from(precision.effective_weight_bits());
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits;
    use crate::estimate::network::Workload;
    use crate::estimate::product::Costs;
    use crumb_arch::{ArrayConfig, Rounding};

    /// Weights counted in the file's order, without the matrices' help.
    fn plainly(network: &Network, act: u64, weight: u64, rows: &[u64]) -> u64 {
        let limit = |w: i8| {
            let step = 1 << (8 - weight);
            // Half-even: what is at most half a step from 0 becomes 0.
            if weight == 8 { w != 0 } else { 2 * i32::from(w).abs() > step }
        };
        let layers = network.array_layers().map(|(_, layer)| layer);
        layers.zip(rows).map(|(layer, m)| m * act * weight * layer.weights.iter().filter(|&&w| limit(w)).count() as u64).sum()
    }

    #[test]
    fn zeros_are_those_of_the_weights_at_their_width() {
        let network = digits::load().unwrap().network;
        let config = ArrayConfig::named("small").unwrap();
        for (act_bits, weight_bits) in [(8, 8), (8, 4), (4, 2), (2, 2)] {
            let rounding = Rounding::HalfEven;
            let plan = PrecisionPlan::uniform(LayerPrecision { act_bits, weight_bits, rounding, refined: false });
            let workload = Workload::of_network(&network, &[vec![1, 1, 8, 8]], &plan, &config).unwrap();
            let estimate = Costs::new(&config).network(&workload, None).unwrap();
            let rows: Vec<u64> = estimate.layers.iter().map(|layer| layer.m).collect();
            let found = bops_without_zeros(&network, &plan, &estimate).unwrap();
            assert_eq!(found, plainly(&network, act_bits.into(), weight_bits.into(), &rows), "a{act_bits}w{weight_bits}");
            assert!(found < estimate.total.bops);
        }
    }

    #[test]
    fn important_channels_count_with_eight_bits() {
        let network = digits::load().unwrap().network;
        let config = ArrayConfig::named("small").unwrap();
        let bops = |important: &[usize]| {
            let mut plan = PrecisionPlan::uniform(LayerPrecision { act_bits: 4, ..LayerPrecision::default() });
            plan.important.insert("conv2".into(), important.to_vec());
            let workload = Workload::of_network(&network, &[vec![1, 1, 8, 8]], &plan, &config).unwrap();
            let estimate = Costs::new(&config).network(&workload, None).unwrap();
            bops_without_zeros(&network, &plan, &estimate).unwrap()
        };
        let channels: Vec<usize> = (0..16).collect();
        let (none, some, all) = (bops(&[]), bops(&channels[..5]), bops(&channels));
        assert!(none < some && some < all);
        // conv2 alone is twice as much.
        let each: u64 = (0..16).map(|channel| bops(&[channel]) - none).sum();
        assert_eq!(all - none, each);
    }
}
