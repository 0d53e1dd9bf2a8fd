//! LayerNormalization and RMSNormalization of one row.

/// Rows shorter than an AVX register take another way.
const LANES: usize = 8;

/// LayerNormalization of one row: `out[i] = (row[i] - mean) / sqrt(variance + epsilon) * scale[i] + bias[i]`.
///
/// All slices have the length of the row, which is the product of the dimensions from `axis` on.
///
/// From 8 elements on this is `MlasLayerNormKernelAvx2`: the mean from a sum in double precision, the squares of the
/// differences summed in single precision, the factor `1 / sqrt(...)`, fused multiply-adds. Shorter rows are Welford's
/// algorithm in single precision without fused operations, with a division by the deviation.
pub fn layer_norm(row: &[f32], scale: &[f32], bias: Option<&[f32]>, epsilon: f32, out: &mut [f32]) {
    if row.len() < LANES {
        return layer_norm_short(row, scale, bias, epsilon, out);
    }
    let mean = (sum_double(row) / row.len() as f64) as f32;
    let inverse = inverse_deviation(row, mean, epsilon);
    for (i, (out, (&x, &scale))) in out.iter_mut().zip(row.iter().zip(scale)).enumerate() {
        let y = (x - mean) * inverse;
        *out = match bias.and_then(|bias| bias.get(i)) {
            Some(&bias) => y.mul_add(scale, bias),
            None => y * scale,
        };
    }
}

/// RMSNormalization of one row: `out[i] = row[i] / sqrt(mean(row^2) + epsilon) * scale[i]`.
///
/// From 16 elements on with the reciprocal of the root, fused multiply-adds and 8 lanes; shorter rows in plain order with a
/// division.
pub fn rms_norm(row: &[f32], scale: &[f32], epsilon: f32, out: &mut [f32]) {
    if row.len() < 2 * LANES {
        let squares = row.iter().fold(0.0f32, |sum, &x| sum + x * x);
        let root = (squares / row.len() as f32 + epsilon).sqrt();
        for (out, (&x, &scale)) in out.iter_mut().zip(row.iter().zip(scale)) {
            *out = x / root * scale;
        }
        return;
    }
    let inverse = inverse_deviation(row, 0.0, epsilon);
    for (out, (&x, &scale)) in out.iter_mut().zip(row.iter().zip(scale)) {
        *out = x * inverse * scale;
    }
}

/// Welford's algorithm, for fewer than 8 elements.
fn layer_norm_short(row: &[f32], scale: &[f32], bias: Option<&[f32]>, epsilon: f32, out: &mut [f32]) {
    let (mut mean, mut squares) = (0.0f32, 0.0f32);
    for (&x, count) in row.iter().zip(1u16..) {
        let difference = x - mean;
        mean += difference / f32::from(count);
        squares += difference * (x - mean);
    }
    let deviation = (squares / row.len() as f32 + epsilon).sqrt();
    for (i, (out, (&x, &scale))) in out.iter_mut().zip(row.iter().zip(scale)).enumerate() {
        let y = (x - mean) / deviation * scale;
        *out = match bias.and_then(|bias| bias.get(i)) {
            Some(&bias) => y + bias,
            None => y,
        };
    }
}

/// The sum in double precision: four lanes, then the rest one by one.
fn sum_double(row: &[f32]) -> f64 {
    let mut lanes = [0.0f64; 4];
    let quads = row.chunks_exact(4);
    let rest = quads.remainder();
    for quad in quads {
        for (lane, &x) in lanes.iter_mut().zip(quad) {
            *lane += f64::from(x);
        }
    }
    let sum = (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
    rest.iter().fold(sum, |sum, &x| sum + f64::from(x))
}

/// `1 / sqrt(mean((x - mean)^2) + epsilon)`: eight lanes with fused multiply-adds, then the rest one by one.
///
/// Of a rest of four and more the first four are squared first and added then (the compiler has put the four products into one
/// register); the others are fused again.
fn inverse_deviation(row: &[f32], mean: f32, epsilon: f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let octets = row.chunks_exact(LANES);
    let rest = octets.remainder();
    for octet in octets {
        for (lane, &x) in lanes.iter_mut().zip(octet) {
            let difference = x - mean;
            *lane = difference.mul_add(difference, *lane);
        }
    }
    let quarter: [f32; 4] = std::array::from_fn(|i| lanes[i] + lanes[i + 4]);
    let sum = (quarter[0] + quarter[2]) + (quarter[1] + quarter[3]);
    let squares = |sum: f32, &x: &f32| (x - mean) * (x - mean) + sum;
    let fused = |sum: f32, &x: &f32| (x - mean).mul_add(x - mean, sum);
    let (quad, rest) = rest.split_at(if rest.len() < 4 { 0 } else { 4 });
    let sum = rest.iter().fold(quad.iter().fold(sum, squares), fused);
    1.0 / (sum / row.len() as f32 + epsilon).sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::golden::{checksum, inputs};
    use super::*;

    /// Rows of all lengths from 1 to 100 through `norm`, which gets the row, the scale, the bias and the output.
    fn rows(norm: impl Fn(&[f32], &[f32], &[f32], &mut [f32])) -> u64 {
        checksum((1..=100u16).flat_map(|length| {
            let of = |seed: u16| inputs(u32::from(seed), usize::from(length));
            let mut out = of(length);
            norm(&of(length), &of(length + 1), &of(length + 2), &mut out);
            out
        }))
    }

    #[test]
    fn layer_norm_is_onnxruntimes() {
        assert_eq!(rows(|row, scale, bias, out| layer_norm(row, scale, Some(bias), 1e-5, out)), 0xe146_e5a4_0d8d_171f);
        assert_eq!(rows(|row, scale, _, out| layer_norm(row, scale, None, 1e-5, out)), 0x429e_bfbb_7520_574e);
    }

    #[test]
    fn the_mean_is_summed_in_four_lanes() {
        let mut out = [0.0; 8];
        layer_norm(&[1e16, 1.0, -1e16, 1.0, 0.0, 0.0, 0.0, 0.0], &[1e16; 8], None, 1e-5, &mut out);
        assert_eq!(checksum(out), 0x5961_86af_4943_cfed);
    }

    #[test]
    fn rms_norm_is_onnxruntimes() {
        assert_eq!(rows(|row, scale, _, out| rms_norm(row, scale, 1e-5, out)), 0x9d95_9486_a6eb_6f3e);
    }
}
