//! The words that travel between the blocks of the datapath.
//!
//! A struct is a packed vector in Verilog, its first field in the lowest bits; the widths are those of the command
//! format (16-bit memory addresses, of which weights have up to four words each; 12-bit accumulator addresses), and each memory takes the low bits that it has.
//!
//! ```text
//!  sequencer --ActivationIssue--> row chain --RowIssue--> row edge --Ctl--> pe, row_sum
//!            --WeightIssue------> column chain --ColumnIssue--> column edge --ColumnControl--> column_sum
//!            --Token------------> token chain --> combiner --> accumulator --> done
//! ```
#![allow(missing_docs, reason = "the derive makes undocumented accessors for every field")]

use rust_hdl::prelude::*;

/// One activation word per row leaves the activation buffer.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct ActivationIssue {
    /// An activation is issued in this cycle.
    pub valid: Bit,
    /// Line of the activation buffer.
    pub address: Bits<16>,
    /// This is the first activation of a tile: the loaded weights become active.
    pub swap: Bit,
    /// Activation width: 0, 1, 2 for 8, 4, 2 bits.
    pub a_code: Bits<2>,
    /// Activations are two's complement.
    pub act_signed: Bit,
}

/// The weight words of one bus cycle leave the weight memory for one row of PEs.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct WeightIssue {
    /// A weight is issued in this cycle.
    pub valid: Bit,
    /// Word of the weight memory, the first of those delivered: `weight_bus` words to an address.
    pub address: Bits<18>,
    /// The words exist; otherwise weight 0 is delivered (rows beyond the end of a tile).
    pub real: Bit,
    /// First weight word of a tile.
    pub first: Bit,
    /// Row of PEs that loads it.
    pub row: Bits<8>,
    /// Shadow words that load it: one bit per activation crumb.
    pub mask: Bits<4>,
    /// Weight width: 0, 1, 2, 3 for 8, 4, 2, 6 bits.
    pub w_code: Bits<2>,
    /// 0 for the rounded top, 1.. for the residual bits below it.
    pub slice: Bits<2>,
    /// 0, 1, 2 for floor, half-up, half-even.
    pub rounding: Bits<2>,
    /// Which of the passes over a word: byte (W8, W6) or byte pair (W4).
    pub part: Bits<2>,
    /// Activation width of the tile that loads: how many words are delivered.
    pub a_code: Bits<2>,
}

/// What becomes of the sums of one activation, below the array.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct Token {
    /// An accumulation happens.
    pub valid: Bit,
    /// Last accumulation of a tile.
    pub last: Bit,
    /// Weight width, as in [`WeightIssue`].
    pub w_code: Bits<2>,
    /// Weights are two's complement (slice 0).
    pub w_signed: Bit,
    /// Activations are two's complement.
    pub act_signed: Bit,
    /// Which of the passes over a word.
    pub part: Bits<2>,
    /// Half of the accumulator memory.
    pub half: Bit,
    /// Row of the accumulator memory.
    pub address: Bits<12>,
    /// Add to the stored value instead of replacing it.
    pub accumulate: Bit,
    /// Left shift of the sums in units of two bits.
    pub shift: Bits<3>,
}

/// What a row of the array needs to know of both issues.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct RowIssue {
    pub address: Bits<16>,
    pub a_code: Bits<2>,
    pub act_signed: Bit,
    pub swap: Bit,
    pub load_valid: Bit,
    pub load_row: Bits<8>,
    pub load_mask: Bits<4>,
}

/// What a column of the array needs to know of both issues.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct ColumnIssue {
    pub valid: Bit,
    pub address: Bits<18>,
    pub real: Bit,
    pub first: Bit,
    pub w_code: Bits<2>,
    pub slice: Bits<2>,
    pub rounding: Bits<2>,
    pub part: Bits<2>,
    pub swap: Bit,
    pub a_code: Bits<2>,
    pub act_signed: Bit,
}

/// Control of a row at the edge of the array.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct RowControl {
    pub load: Bits<4>,
    pub swap: Bit,
    pub act_signed: Bit,
    pub a_code: Bits<2>,
}

/// Control that travels through a row of PEs with the activations: `{a_code:2, swap:1, load:4}`, `load` lowest.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct Ctl {
    pub load: Bits<4>,
    pub swap: Bit,
    pub a_code: Bits<2>,
}

/// Control of `column_sum`, beside the weight word of the array's edge.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct ColumnControl {
    pub load_valid: Bit,
    pub first: Bit,
    pub swap: Bit,
    pub a_code: Bits<2>,
    pub act_signed: Bit,
}

/// Which offset the activations carry.
#[derive(Copy, Clone, PartialEq, Debug, Default, LogicStruct)]
pub struct OffsetMode {
    pub a_code: Bits<2>,
    pub act_signed: Bit,
}
