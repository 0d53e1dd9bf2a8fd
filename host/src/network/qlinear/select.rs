//! QLinearWhere of one element.

use super::convert::Params;
use super::lookup::requantize;

/// `condition ? x : y`, requantized to `z_params` (contrib_ops/cpu/quantization/qlinear_where.cc).
pub fn select(condition: bool, x: i32, x_params: &Params, y: i32, y_params: &Params, z_params: &Params) -> i32 {
    if condition { requantize(x, x_params, z_params) } else { requantize(y, y_params, z_params) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_is_requantized_from_its_own_parameters() {
        let tensor = |scale, zero_point| Params { scale, zero_point, low: 0, high: 255 };
        let (x, y, z) = (tensor(0.5, 10), tensor(0.25, 20), tensor(0.125, 30));
        assert_eq!(select(true, 12, &x, 99, &y, &z), 38);
        assert_eq!(select(false, 12, &x, 24, &y, &z), 38);
        assert_eq!(select(true, 255, &x, 24, &y, &z), 255);
        // Equal parameters copy, the number zero included.
        assert_eq!(select(true, 0, &z, 24, &y, &z), 0);
    }
}
