//! BatchNormalization at inference.

/// What BatchNormalization does to one channel: `x * factor + offset`, two roundings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    /// `scale / sqrt(variance + epsilon)`.
    pub factor: f32,
    /// `bias - mean * factor`.
    pub offset: f32,
}

impl BatchNorm {
    /// The factor and the offset of a channel, in the order of onnxruntime (`batch_norm.h`): the reciprocal of the root first,
    /// nothing fused.
    pub fn new(scale: f32, bias: f32, mean: f32, variance: f32, epsilon: f32) -> Self {
        let factor = 1.0 / (variance + epsilon).sqrt() * scale;
        Self { factor, offset: bias - mean * factor }
    }

    /// One element of the channel.
    pub fn apply(&self, x: f32) -> f32 {
        x * self.factor + self.offset
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden::{checksum, inputs};
    use super::*;

    #[test]
    fn channels_are_onnxruntimes() {
        let [scale, bias, mean, variance] = [4, 5, 6, 7].map(|seed| inputs(seed, 100));
        let values = inputs(3, 700).into_iter().enumerate().map(|(i, x)| {
            let channel = i / 7;
            BatchNorm::new(scale[channel], bias[channel], mean[channel], variance[channel].abs(), 1e-5).apply(x)
        });
        assert_eq!(checksum(values), 0x9af0_8477_845b_05b2);
    }
}
