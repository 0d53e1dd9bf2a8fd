//! What a drain sends back, put where it belongs in the result.

use super::{Job, Output};
use crate::session::SessionError;
use crumb_arch::ArrayConfig;
use crumb_arch::lanes::{unpack, unpack_raw_row};
use std::ops::Range;

/// Puts the packet of a block of rows and of the `channels` columns of group `g` into the row-major `[M, N]` result.
///
/// # Errors
/// If the packet has not the length that the drain asked for.
pub fn unpack_block(
    packet: &[u8],
    rows: Range<usize>,
    g: usize,
    channels: usize,
    job: &Job<'_>,
    config: &ArrayConfig,
    result: &mut [i32],
) -> Result<(), SessionError> {
    let (line, cols) = (config.line_bytes(), config.cols);
    let banks = channels.div_ceil(cols);
    let first = g * config.group_channels();
    let lanes = match job.output {
        Output::Raw => None,
        Output::Requantized { format, .. } => Some((format.width, format.lo < 0)),
    };
    let lines_per_row = lanes.map_or(4 * banks, |(width, _)| banks.div_ceil(width.lanes()));
    let expected = rows.len() * lines_per_row * line;
    if packet.len() != expected {
        return Err(SessionError::Length { found: packet.len(), expected });
    }
    for (m, lines) in rows.zip(packet.chunks_exact(lines_per_row * line)) {
        let target = &mut result[m * job.n + first..][..channels];
        match lanes {
            None => {
                for (t, row) in lines.chunks_exact(4 * line).enumerate() {
                    let values = unpack_raw_row(row, config);
                    target[t * cols..].iter_mut().zip(values).for_each(|(slot, v)| *slot = v);
                }
            }
            Some((width, signed)) => {
                for (i, bytes) in lines.chunks_exact(line).enumerate() {
                    for (c, &byte) in bytes[..cols].iter().enumerate() {
                        for (lane, value) in unpack(byte, width, signed).enumerate() {
                            let j = (i * width.lanes() + lane) * cols + c;
                            if let Some(slot) = target.get_mut(j) {
                                *slot = i32::from(value);
                            }
                        }
                    }
                }
            }
        }
    }
    Ok(())
}
