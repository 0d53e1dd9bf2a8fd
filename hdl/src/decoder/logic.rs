//! The decoder's logic, state by state; see the parent module for the states and `docs/microarchitecture.md` for the contract.

#![allow(clippy::collapsible_match, reason = "rust-hdl has no guards in match arms")]

use super::{Decoder, State};
use rust_hdl::prelude::*;

impl Logic for Decoder {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, state, index, word0, word1, word2, word3, framed, fault, end_a, end_b, end_c, end_p);
        dff_setup!(
            self, clock, address, subline, lines_left, error, commands, pending0, pending1, unfinished, columns, stride, jump
        );

        self.opcode.next = bit_cast::<8, 32>(self.word0.q.val());
        self.is_activations.next = self.opcode.val() == self.load_activations.val();
        self.is_weights.next = self.opcode.val() == self.load_weights.val();
        self.is_parameters.next = self.opcode.val() == self.load_parameters.val();
        self.is_load.next = self.is_activations.val() | self.is_weights.val() | self.is_parameters.val();
        self.is_compute.next = self.opcode.val() == self.compute.val();
        self.is_drain.next = self.opcode.val() == self.drain.val();
        self.is_status.next = self.opcode.val() == self.read_status.val();
        self.is_counters.next = self.opcode.val() == self.read_counters.val();
        self.is_clear_error.next = self.opcode.val() == self.clear_error.val();
        self.is_pattern.next = self.opcode.val() == self.set_pattern.val();

        self.ready.next = (self.state.q.val() == State::Header)
            | (self.state.q.val() == State::Payload)
            | (self.state.q.val() == State::Discard);
        self.take.next = self.line_valid.val() & self.ready.val();
        self.idle0.next = !self.pending0.q.val().any();
        self.idle1.next = !self.pending1.q.val().any();
        self.idle_inside.next = self.idle0.val() & self.idle1.val() & !self.drain_valid.val();
        self.half_drains.next = self.drain_valid.val() & (self.drain_half.val() == self.word3.q.val().get_bit(12));
        self.final_line.next = self.lines_left.q.val() == 1;
        self.final_word.next = self.last_counter.val();
        if self.is_status.val() {
            self.final_word.next = self.last_status.val();
        }

        self.check.word0.next = self.word0.q.val();
        self.check.word1.next = self.word1.q.val();
        self.check.word2.next = self.word2.q.val();
        self.check.word3.next = self.word3.q.val();
        self.check.enable.next = self.state.q.val() == State::Check;

        self.raised.next = 0.into();
        self.cleared.next = false;
        self.rows.next = 0.into();
        self.row_base.next = 0.into();
        self.banks.next = 0.into();
        self.beside.next = self.word1.q.val() & self.unaligned.val();
        self.k_words.next = 0.into();
        self.a_code.next = 0.into();
        self.tile_words.next = self.tile_words8.val();
        self.count.next = 0.into();
        self.verdict.next = 0.into();
        self.fence_tiles.next = bit_cast::<8, 6>(self.word0.q.val().get_bits::<6>(10));
        self.fenced.next = false;
        self.leave.next = false;
        self.dispatch.next = false;
        self.write.next = false;
        self.dispatch_drain.next = false;
        self.clear_counters.next = false;
        self.respond.next = false;

        match self.state.q.val() {
            State::Header => {
                if self.take.val() {
                    if !self.index.q.val().any() {
                        self.word0.d.next = self.line_words.val().get_bits::<32>(0);
                    }
                    if self.index.q.val() == self.line_of_1.val() {
                        self.word1.d.next = self.line_words.val().get_bits::<32>(self.place_of_1.val().index());
                    }
                    if self.index.q.val() == self.line_of_2.val() {
                        self.word2.d.next = self.line_words.val().get_bits::<32>(self.place_of_2.val().index());
                    }
                    if self.index.q.val() == self.line_of_3.val() {
                        self.word3.d.next = self.line_words.val().get_bits::<32>(self.place_of_3.val().index());
                    }
                    self.index.d.next = self.index.q.val() + 1;
                    if self.line_last.val() & ((self.index.q.val() != self.line_of_3.val()) | self.line_ragged.val()) {
                        self.raised.next = self.truncated.val();
                        self.index.d.next = 0.into();
                    } else if self.index.q.val() == self.line_of_3.val() {
                        self.framed.d.next = self.line_last.val();
                        self.index.d.next = 0.into();
                        self.state.d.next = State::Check;
                    }
                }
            }
            State::Check => {
                self.rows.next = bit_cast::<17, 16>(self.word1.q.val().get_bits::<16>(16));
                self.row_base.next = bit_cast::<17, 12>(self.word2.q.val().get_bits::<12>(0));
                if self.is_compute.val() {
                    self.row_base.next = bit_cast::<17, 12>(self.word3.q.val().get_bits::<12>(0));
                }
                // banks + 1 as a table, so that end_p is one addition
                self.banks.next = 1.into();
                if self.word2.q.val().get_bit(13) {
                    self.banks.next = 2.into();
                    if self.word2.q.val().get_bit(14) {
                        self.banks.next = 4.into();
                    }
                } else if self.word2.q.val().get_bit(14) {
                    self.banks.next = 3.into();
                }
                self.end_a.d.next = bit_cast::<17, 16>(self.word1.q.val().get_bits::<16>(0)) + self.rows.val();
                self.end_b.d.next = bit_cast::<17, 16>(self.word2.q.val().get_bits::<16>(0))
                    + bit_cast::<17, 16>(self.word2.q.val().get_bits::<16>(16));
                self.end_c.d.next = self.row_base.val() + self.rows.val();
                self.end_p.d.next = bit_cast::<17, 16>(self.word1.q.val().get_bits::<16>(0)) + self.banks.val();
                self.fault.d.next = self.check.fault.val();
                self.state.d.next = State::Decide;
            }
            State::Decide => {
                self.k_words.next = self.word2.q.val().get_bits::<16>(16);
                self.a_code.next = self.word3.q.val().get_bits::<2>(17);
                if self.a_code.val() == 1 {
                    self.tile_words.next = self.tile_words4.val();
                }
                if self.a_code.val() == 2 {
                    self.tile_words.next = self.tile_words2.val();
                }
                // The last assignment wins: from the mildest fault to the gravest.
                if self.is_load.val() & self.framed.q.val() {
                    self.verdict.next = self.truncated.val();
                }
                if !self.is_load.val() & !self.framed.q.val() {
                    self.verdict.next = self.overlong.val();
                }
                if (self.is_compute.val() | self.is_drain.val()) & (self.end_c.q.val() > self.accumulator_rows.val()) {
                    self.verdict.next = self.accumulator_range.val();
                }
                if self.is_parameters.val() & (self.end_a.q.val() > self.parameter_entries.val()) {
                    self.verdict.next = self.parameter_range.val();
                }
                if self.is_drain.val() & !self.word2.q.val().get_bit(15) & (self.end_p.q.val() > self.parameter_entries.val()) {
                    self.verdict.next = self.parameter_range.val();
                }
                // A raw drain's entry is 0.
                if self.is_drain.val() & self.beside.val().any() {
                    self.verdict.next = self.parameter_alignment.val();
                }
                if self.is_weights.val() & (self.end_a.q.val() > self.weight_words.val()) {
                    self.verdict.next = self.weight_range.val();
                }
                if self.is_compute.val() & (self.end_b.q.val() > self.weight_words.val()) {
                    self.verdict.next = self.weight_range.val();
                }
                if self.is_activations.val() & (self.end_a.q.val() > self.activation_lines.val()) {
                    self.verdict.next = self.activation_range.val();
                }
                if self.is_compute.val() & (self.k_words.val() > self.tile_words.val()) {
                    self.verdict.next = self.tile_range.val();
                }
                if self.fault.q.val().any() {
                    self.verdict.next = self.fault.q.val();
                }
                self.raised.next = self.verdict.val();
                self.state.d.next = State::Discard;
                if self.framed.q.val() {
                    self.state.d.next = State::Header;
                }
                if !self.verdict.val().any() & (!self.error.q.val().any() | self.is_status.val() | self.is_clear_error.val()) {
                    self.state.d.next = State::Wait;
                }
            }
            State::Wait => {
                self.fenced.next = (self.word0.q.val().get_bit(8) & (self.unfinished.q.val() > self.fence_tiles.val()))
                    | (self.word0.q.val().get_bit(9) & self.drain_valid.val());
                if !self.fenced.val() {
                    if self.is_load.val() {
                        self.leave.next = true;
                        self.address.d.next = bit_cast::<18, 16>(self.word1.q.val().get_bits::<16>(0));
                        self.subline.d.next = 0.into();
                        self.count.next = bit_cast::<19, 16>(self.word1.q.val().get_bits::<16>(16));
                        self.lines_left.d.next = self.count.val();
                        if self.is_weights.val() {
                            self.address.d.next = bit_cast::<18, 16>(self.word1.q.val().get_bits::<16>(0)) << self.bus_log2.val();
                            self.lines_left.d.next = self.count.val() << self.word_lines_log2.val();
                        }
                        if self.is_parameters.val() {
                            self.lines_left.d.next = self.count.val() << 3;
                        }
                        self.state.d.next = State::Payload;
                    } else if self.is_compute.val() {
                        if self.queue_ready.val() & !self.half_drains.val() {
                            self.leave.next = true;
                            self.dispatch.next = true;
                            self.state.d.next = State::Header;
                        }
                    } else if self.is_drain.val() {
                        if !self.drain_valid.val() {
                            self.leave.next = true;
                            self.dispatch_drain.next = true;
                            self.state.d.next = State::Header;
                        }
                    } else if self.is_pattern.val() {
                        self.leave.next = true;
                        self.columns.d.next = self.word1.q.val().get_bits::<16>(0);
                        self.jump.d.next = self.word1.q.val().get_bits::<16>(16);
                        self.stride.d.next = self.word2.q.val().get_bits::<8>(0);
                        self.state.d.next = State::Header;
                    } else if self.idle_inside.val() {
                        self.leave.next = true;
                        if self.is_status.val() | self.is_counters.val() {
                            self.state.d.next = State::Respond;
                        } else {
                            self.state.d.next = State::Header;
                            self.cleared.next = self.is_clear_error.val();
                            self.clear_counters.next = !self.is_clear_error.val();
                        }
                    }
                }
                if self.leave.val() {
                    self.commands.d.next = self.commands.q.val() + 1;
                }
            }
            State::Payload => {
                if self.take.val() {
                    self.lines_left.d.next = self.lines_left.q.val() - 1;
                    if !self.line_ragged.val() {
                        self.write.next = true;
                        self.subline.d.next = self.subline.q.val() + 1;
                        if self.is_activations.val()
                            | (self.is_weights.val() & (self.subline.q.val() == 3))
                            | self.subline.q.val().all()
                        {
                            self.subline.d.next = 0.into();
                            self.address.d.next = self.address.q.val() + 1;
                        }
                    }
                    if self.line_last.val() {
                        self.state.d.next = State::Header;
                        if !self.final_line.val() | self.line_ragged.val() {
                            self.raised.next = self.truncated.val();
                        }
                    } else if self.final_line.val() {
                        self.raised.next = self.overlong.val();
                        self.state.d.next = State::Discard;
                    }
                }
            }
            State::Respond => {
                if self.credit.val() {
                    self.respond.next = true;
                    self.index.d.next = self.index.q.val() + 1;
                    if self.index.q.val() == self.final_word.val() {
                        self.index.d.next = 0.into();
                        self.state.d.next = State::Header;
                    }
                }
            }
            State::Discard => {
                if self.take.val() & self.line_last.val() {
                    self.state.d.next = State::Header;
                }
            }
            // Eight codes, seven states: without this the Verilog's `case` is incomplete.
            _ => {}
        }

        if self.raised.val().any() & !self.error.q.val().any() {
            self.error.d.next = self.raised.val();
        }
        if self.cleared.val() {
            self.error.d.next = 0.into();
        }

        // Tiles on their way: one more with a dispatch, one less when done.
        self.more0.next = self.dispatch.val() & !self.word3.q.val().get_bit(12);
        self.more1.next = self.dispatch.val() & self.word3.q.val().get_bit(12);
        self.less0.next = self.done.val() & !self.done_half.val();
        self.less1.next = self.done.val() & self.done_half.val();
        if self.more0.val() & !self.less0.val() {
            self.pending0.d.next = self.pending0.q.val() + 1;
        }
        if self.less0.val() & !self.more0.val() {
            self.pending0.d.next = self.pending0.q.val() - 1;
        }
        if self.more1.val() & !self.less1.val() {
            self.pending1.d.next = self.pending1.q.val() + 1;
        }
        if self.less1.val() & !self.more1.val() {
            self.pending1.d.next = self.pending1.q.val() - 1;
        }

        if self.dispatch.val() & !self.done.val() {
            self.unfinished.d.next = self.unfinished.q.val() + 1;
        }
        if self.done.val() & !self.dispatch.val() {
            self.unfinished.d.next = self.unfinished.q.val() - 1;
        }

        self.respond_word.next = self.counter_word.val();
        if self.is_status.val() {
            self.respond_word.next = self.status_magic.val() | bit_cast::<32, 4>(self.error.q.val());
            if self.index.q.val() == 1 {
                self.respond_word.next = self.identity_sizes.val();
            }
            if self.index.q.val() == 2 {
                self.respond_word.next = self.identity_memories.val();
            }
            if self.index.q.val() == 3 {
                self.respond_word.next = self.commands.q.val();
            }
        }
        self.respond_last.next = self.index.q.val() == self.final_word.val();
        self.counter_index.next = self.index.q.val();

        self.pattern_out.next = bit_cast::<32, 16>(self.columns.q.val()) | (bit_cast::<32, 16>(self.jump.q.val()) << 16);
        self.stride_out.next = self.stride.q.val();

        self.waiting.next = self.state.q.val() == State::Wait;
        self.loading.next = self.waiting.val() | (self.state.q.val() == State::Payload);
        self.freeze.next = self.is_counters.val() & (self.state.q.val() == State::Respond);
        self.waits_for_drain.next = self.waiting.val()
            & ((self.is_compute.val() & self.half_drains.val()) | (self.is_drain.val() & self.drain_valid.val()));
        self.loads_activations.next = self.loading.val() & self.is_activations.val();
        self.loads_weights.next = self.loading.val() & self.is_weights.val();
        self.loads_parameters.next = self.loading.val() & self.is_parameters.val();
        self.resting.next = (self.state.q.val() == State::Header) & !self.index.q.val().any();

        self.line_ready.next = self.ready.val();
        self.take_out.next = self.take.val();
        self.activation_write.next = self.write.val() & self.is_activations.val();
        self.weight_write.next = self.write.val() & self.is_weights.val();
        self.parameter_write.next = self.write.val() & self.is_parameters.val();
        self.write_address.next = self.address.q.val();
        self.write_line.next = self.subline.q.val();
        self.word1_out.next = self.word1.q.val();
        self.word2_out.next = self.word2.q.val();
        self.word3_out.next = self.word3.q.val();
        self.dispatch_tile.next = self.dispatch.val();
        self.settled0.next = self.idle0.val();
        self.settled1.next = self.idle1.val();
        self.error_out.next = self.error.q.val();
    }
}
