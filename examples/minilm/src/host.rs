//! What the host computes, in float32: layer normalisation, GELU and attention. Matrices are row-major.

use crate::model::{HEADS, HIDDEN, Norm};

/// `layer_norm_eps` of the model's `config.json`.
const EPSILON: f32 = 1e-12;

/// Adds `other` to `x`.
pub fn add(x: &mut [f32], other: &[f32]) {
    x.iter_mut().zip(other).for_each(|(x, y)| *x += y);
}

/// Layer normalisation of each row of [`HIDDEN`] elements (Ba et al., 2016).
pub fn layer_norm(x: &mut [f32], norm: &Norm) {
    for row in x.chunks_exact_mut(HIDDEN) {
        let mean = row.iter().sum::<f32>() / HIDDEN as f32;
        let variance = row.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / HIDDEN as f32;
        let deviation = (variance + EPSILON).sqrt();
        for ((v, weight), bias) in row.iter_mut().zip(&norm.weight).zip(&norm.bias) {
            *v = (*v - mean) / deviation * weight + bias;
        }
    }
}

/// GELU by the error function, as BERT has it: `x / 2 * (1 + erf(x / sqrt 2))` (Hendrycks and Gimpel, 2016).
pub fn gelu(x: &mut [f32]) {
    x.iter_mut().for_each(|v| *v *= 0.5 * (1.0 + libm::erff(*v * std::f32::consts::FRAC_1_SQRT_2)));
}

/// Scaled dot-product attention of the tokens of one sentence, all heads: `[tokens, HIDDEN]` (Vaswani et al., 2017).
pub fn attention(query: &[f32], key: &[f32], value: &[f32]) -> Vec<f32> {
    const WIDTH: usize = HIDDEN / HEADS;
    let mut context = vec![0.0; query.len()];
    for (q, out) in query.chunks_exact(HIDDEN).zip(context.chunks_exact_mut(HIDDEN)) {
        for head in (0..HIDDEN).step_by(WIDTH) {
            let part = head..head + WIDTH;
            let mut weights: Vec<f32> = key
                .chunks_exact(HIDDEN)
                .map(|k| q[part.clone()].iter().zip(&k[part.clone()]).map(|(a, b)| a * b).sum::<f32>() / (WIDTH as f32).sqrt())
                .collect();
            softmax(&mut weights);
            for (weight, v) in weights.iter().zip(value.chunks_exact(HIDDEN)) {
                out[part.clone()].iter_mut().zip(&v[part.clone()]).for_each(|(o, v)| *o += weight * v);
            }
        }
    }
    context
}

/// `exp(x) / sum exp(x)`, with the largest subtracted first so that no power overflows.
fn softmax(x: &mut [f32]) {
    let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    x.iter_mut().for_each(|v| *v = (*v - largest).exp());
    let sum: f32 = x.iter().sum();
    x.iter_mut().for_each(|v| *v /= sum);
}
