//! QLinearWhere of one element, with the kernel's merge of its two halves.

use super::convert::Params;
use super::lookup::requantize;

/// `condition ? x : y`, requantized to `z_params`; stays as written by QLinearWhere (contrib_ops).
pub fn select(condition: bool, x: i32, x_params: &Params, y: i32, y_params: &Params, z_params: &Params) -> i32 {
    if condition { requantize(x, x_params, z_params) } else { requantize(y, y_params, z_params) }
}
