//! Skew: issues and tokens move along chains, so that every row, column and combiner acts in its own cycle.
//!
//! ```text
//!  activation issue --+--> row[0] --> row[1] --> ... row[R-1]      row r reads its activation bank in cycle t + 1 + r
//!                     +--> col[0] --> col[1] --> ... col[C-1]      column c reads its weight bank in cycle t + 1 + c
//!  weight issue ------^
//!                     +--> load_code[0] --> ... load_code[C+1]    beside col_ctl[c] stands load_code[c + 2] (weight bus of 2 or 4 words)
//!  token -----------------> token[0] --> ... --> token[R+6]        combiner[0] has it in cycle t + 7 + R
//! ```
//!
//! There is no triangle of data registers: addresses are skewed, not operands. Invariant: a swap or a load that is not
//! valid moves nothing. The token chain covers the edge (4), the PE pipeline (3) and the rows (R): `T = R + 7` registers.

use crate::issue::{ActivationIssue, ColumnIssue, RowIssue, Token, WeightIssue};
use crumb_arch::timing::{EDGE_LATENCY, PE_LATENCY};
use rust_hdl::prelude::*;
use std::array::from_fn;

/// The chains; `T = R + 7`. `NX = C + 2` on a weight bus of several words, and 0 on one of a single word, which carries it at every width.
#[derive(LogicBlock)]
pub struct Skew<const R: usize, const C: usize, const T: usize, const NX: usize> {
    /// The clock.
    pub clock: Signal<In, Clock>,
    /// From the sequencer.
    pub activation_issue: Signal<In, ActivationIssue>,
    /// From the sequencer.
    pub weight_issue: Signal<In, WeightIssue>,
    /// From the sequencer, in the cycle of its activation.
    pub token_in: Signal<In, Token>,
    /// The registers `row`.
    pub row_out: [Signal<Out, RowIssue>; R],
    /// The registers `col`.
    pub col_out: [Signal<Out, ColumnIssue>; C],
    /// The registers `load_code[c + 2]`, or 0.
    pub load_code_out: [Signal<Out, Bits<2>>; C],
    /// The register `token[T - 1]`.
    pub token_out: Signal<Out, Token>,
    row: [DFF<RowIssue>; R],
    col: [DFF<ColumnIssue>; C],
    load_code: [DFF<Bits<2>>; NX],
    token: [DFF<Token>; T],
    swap: Signal<Local, Bit>,
    row_issue: Signal<Local, RowIssue>,
    col_issue: Signal<Local, ColumnIssue>,
}

impl<const R: usize, const C: usize, const T: usize, const NX: usize> Default for Skew<R, C, T, NX> {
    fn default() -> Self {
        let chain = R + EDGE_LATENCY + PE_LATENCY;
        assert!(NX == 0 || NX == C + 2, "the chain of load codes of {C} columns has {} registers, or none", C + 2);
        assert_eq!(T, chain, "the token chain of {R} rows must have {chain} registers");
        Self {
            clock: Default::default(),
            activation_issue: Default::default(),
            weight_issue: Default::default(),
            token_in: Default::default(),
            row_out: from_fn(|_| Default::default()),
            col_out: from_fn(|_| Default::default()),
            load_code_out: from_fn(|_| Default::default()),
            token_out: Default::default(),
            row: from_fn(|_| Default::default()),
            col: from_fn(|_| Default::default()),
            load_code: from_fn(|_| Default::default()),
            token: from_fn(|_| Default::default()),
            swap: Default::default(),
            row_issue: Default::default(),
            col_issue: Default::default(),
        }
    }
}

impl<const R: usize, const C: usize, const T: usize, const NX: usize> Logic for Skew<R, C, T, NX> {
    #[hdl_gen]
    fn update(&mut self) {
        self.swap.next = self.activation_issue.val().valid & self.activation_issue.val().swap;

        self.row_issue.next.address = self.activation_issue.val().address;
        self.row_issue.next.a_code = self.activation_issue.val().a_code;
        self.row_issue.next.act_signed = self.activation_issue.val().act_signed;
        self.row_issue.next.swap = self.swap.val();
        self.row_issue.next.load_valid = self.weight_issue.val().valid;
        self.row_issue.next.load_row = self.weight_issue.val().row;
        self.row_issue.next.load_mask = self.weight_issue.val().mask;

        self.col_issue.next.valid = self.weight_issue.val().valid;
        self.col_issue.next.address = self.weight_issue.val().address;
        self.col_issue.next.real = self.weight_issue.val().real;
        self.col_issue.next.first = self.weight_issue.val().first;
        self.col_issue.next.w_code = self.weight_issue.val().w_code;
        self.col_issue.next.slice = self.weight_issue.val().slice;
        self.col_issue.next.rounding = self.weight_issue.val().rounding;
        self.col_issue.next.part = self.weight_issue.val().part;
        self.col_issue.next.swap = self.swap.val();
        self.col_issue.next.a_code = self.activation_issue.val().a_code;
        self.col_issue.next.act_signed = self.activation_issue.val().act_signed;

        self.row[0].d.next = self.row_issue.val();
        for r in 1..R {
            self.row[r].d.next = self.row[r - 1].q.val();
        }
        for r in 0..R {
            self.row[r].clock.next = self.clock.val();
            self.row_out[r].next = self.row[r].q.val();
        }
        self.col[0].d.next = self.col_issue.val();
        for c in 1..C {
            self.col[c].d.next = self.col[c - 1].q.val();
        }
        for c in 0..C {
            self.col[c].clock.next = self.clock.val();
            self.col_out[c].next = self.col[c].q.val();
        }
        for n in 0..NX {
            self.load_code[n].clock.next = self.clock.val();
            self.load_code[n].d.next = self.weight_issue.val().a_code;
        }
        for n in 1..NX {
            self.load_code[n].d.next = self.load_code[n - 1].q.val();
        }
        for c in 0..C {
            self.load_code_out[c].next = 0.into();
        }
        for n in 2..NX {
            self.load_code_out[n - 2].next = self.load_code[n].q.val();
        }
        self.token[0].d.next = self.token_in.val();
        for i in 1..T {
            self.token[i].d.next = self.token[i - 1].q.val();
        }
        for i in 0..T {
            self.token[i].clock.next = self.clock.val();
        }
        for n in T..(T + 1) {
            self.token_out.next = self.token[n - 1].q.val();
        }
    }
}

crate::clocked!([const R: usize, const C: usize, const T: usize, const NX: usize] Skew<R, C, T, NX>);
