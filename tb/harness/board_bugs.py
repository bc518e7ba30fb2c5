"""Bugs planted in the RTL of a board, each shown by a bench of `tb.benches.board`."""

from __future__ import annotations

from tb.harness.planted import Bug

BOARD_BUGS = {
    "one_look_at_a_bit": Bug(
        "board/uart.py",
        "bit.eq((line & before[0]) | (line & before[1]) | (before[0] & before[1]))",
        "bit.eq(before[0])",
        "uart",
        "uart_slower",
    ),
    "start_bit_of_any_length": Bug(
        "board/uart.py", "with m.Elif(bit):", "with m.Elif(bit & ~bit):", "uart", "uart_slower"
    ),
    "stop_bit_that_is_not_looked_at": Bug(
        "board/uart.py", "self.o.broken.eq(~bit)", "self.o.broken.eq(0)", "uart", "uart_odd"
    ),
    "start_behind_a_broken_byte": Bug(
        "board/uart.py", "rested.eq(bit)", "rested.eq(1)", "uart", "uart_fastest"
    ),
    "packet_without_its_crc": Bug("board/packets.py", "& crc.match_detected", "", "bridge", "bridge_fast"),
    "packet_of_any_length": Bug(
        "board/packets.py", "(place == _words(self.request) + 1)", "(place != 0)", "bridge", "bridge_fast"
    ),
    "word_count_that_wraps": Bug(
        "board/packets.py", "m.d.sync += bad.eq(1)", "m.d.sync += place.eq(0)", "bridge", "bridge_fast"
    ),
    "packet_amid_a_reply": Bug(
        "board/packets.py", "self.i.broken | self.hold |", "self.i.broken |", "bridge", "bridge_fast"
    ),
    "escape_that_is_not_sent": Bug(
        "board/packets.py", "((byte == END) | (byte == ESC))", "(byte == END)", "bridge", "bridge_fast"
    ),
    "request_carried_out_twice": Bug(
        "board/bridge.py",
        "(request.seq == reply.seq)",
        "(request.seq == request.seq + 1)",
        "bridge",
        "bridge_fast",
    ),
    "request_before_a_greeting": Bug(
        "board/bridge.py",
        "with m.If(~known & ~greets):",
        "with m.If(known & ~known):",
        "bridge",
        "bridge_fast",
    ),
    "greeting_that_is_repeated": Bug(
        "board/bridge.py", "with m.Elif(~greets & (", "with m.Elif((", "bridge", "bridge_fast"
    ),
    "burst_that_goes_on": Bug(
        "board/bridge.py", "~okay | (reply.done", "(reply.done", "bridge", "bridge_fast"
    ),
    "line_within_a_packet": Bug(
        "board/turns.py", "Mux(within, held, ~self.first.valid)", "~self.first.valid", "turns", "turns"
    ),
    "address_read_in_part": Bug(
        "board/bus.py", "address[ADDRESS_BITS:]", "address[ADDRESS_BITS:14]", "bus", "bus_all"
    ),
    "write_taken_twice": Bug("board/bus.py", "given.eq(given | Cat(taken))", "given.eq(0)", "bus", "bus_all"),
    "word_without_room": Bug(
        "board/mailbox.py", "write_ok & ~(asked & ~events.w_rdy)", "write_ok", "mailbox", "mailbox_single"
    ),
    "word_of_an_answer_that_comes": Bug(
        "board/mailbox.py", "delayed(m, answers.any(), 2)", "answers.any()", "mailbox", "mailbox_single"
    ),
    "answer_kept_in_part": Bug(
        "board/mailbox.py", "kept.eq(Mux(within, keeps, fits))", "kept.eq(fits)", "mailbox", "mailbox_drops"
    ),
    "answer_that_a_reset_cut_off": Bug(
        "board/mailbox.py",
        "m.d.sync += place.eq(begin)",
        "m.d.sync += begin.eq(place)",
        "mailbox",
        "mailbox_waits",
    ),
    "rest_of_an_answer_that_was_cleared": Bug(
        "board/mailbox.py", "(begin, place, keeps, head,", "(begin, place, head,", "mailbox", "mailbox_waits"
    ),
    "best_score_that_is_forgotten": Bug(
        "board/teller.py",
        "Mux(first, SCORE.min_raw, best)",
        "Mux(first, SCORE.min_raw, second)",
        "teller",
        "teller",
    ),
    "scores_of_an_answer_that_was_cut_off": Bug(
        "board/teller.py", "~beat.valid | (taken & beat.last)", "taken & beat.last", "teller", "teller"
    ),
    "seconds_without_a_zero": Bug(
        "board/teller.py", "(place == 0) | (seconds & (place == 2))", "(place == 0)", "teller", "teller"
    ),
    "hundredths_that_drift": Bug(
        "board/teller.py", "part.eq(part - (period - step))", "part.eq(0)", "teller", "teller_slow"
    ),
    "word_with_the_score_of_the_next_answer": Bug(
        "board/word_teller.py",
        "told.score.eq(kept.score)",
        "told.score.eq(score)",
        "word_teller",
        "word_teller",
    ),
    "word_with_a_margin_that_is_not_kept": Bug(
        "board/word_teller.py",
        "with m.If(passes & beat.last):",
        "with m.If(passes):",
        "word_teller",
        "word_teller",
    ),
    "line_for_an_answer_that_is_no_word": Bug(
        "board/word_teller.py",
        "return self.said",
        "return self.said | (passes & beat.last)",
        "word_teller",
        "word_teller",
    ),
}
