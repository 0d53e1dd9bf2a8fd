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
    /// The factor and the offset of a channel, in the order of onnxruntime (`batch_norm.h`): the reciprocal of the root first, nothing fused.
    pub fn new(scale: f32, bias: f32, mean: f32, variance: f32, epsilon: f32) -> Self {
        let factor = 1.0 / (variance + epsilon).sqrt() * scale;
        Self { factor, offset: bias - mean * factor }
    }

    /// One element of the channel.
    pub fn apply(&self, x: f32) -> f32 {
        x * self.factor + self.offset
    }
}
