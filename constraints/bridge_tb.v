// Test of crumb_bridge against a core that returns each beat plus one, a few clocks later.
//
//   iverilog -P bridge_tb.BITS=32 -o bridge_tb.vvp bridge.v bridge_tb.v && vvp bridge_tb.vvp
//
// Checks: every pushed beat comes back once, in order, with `last` kept; a push without `free` is
// dropped and says so; a frame one bit short or one bit long changes nothing; status is reported.
`timescale 1ns / 1ps
module bridge_tb #(parameter BITS = 32);
    reg clock = 0;
    always #8.333 clock = !clock;

    reg cs_n = 1, sck = 0, mosi = 0;
    wire miso;
    wire to_tvalid, to_tlast, to_tready, from_tready, full;
    wire [BITS-1:0] to_tdata;
    reg from_tvalid = 0, from_tlast = 0;
    reg [BITS-1:0] from_tdata = 0;

    crumb_bridge #(.BITS(BITS)) bridge (
        .clock(clock), .cs_n(cs_n), .sck(sck), .mosi(mosi), .miso(miso),
        .to_tvalid(to_tvalid), .to_tlast(to_tlast), .to_tdata(to_tdata), .to_tready(to_tready),
        .from_tvalid(from_tvalid), .from_tlast(from_tlast), .from_tdata(from_tdata), .from_tready(from_tready),
        .error(4'h9), .idle(1'b1), .full(full)
    );

    // The core: one register, ready when it is empty.
    assign to_tready = !from_tvalid;
    integer taken = 0;
    always @(posedge clock) begin
        if (from_tvalid && from_tready) from_tvalid <= 0;
        if (to_tvalid && to_tready) begin
            from_tvalid <= 1;
            from_tlast <= to_tlast;
            from_tdata <= to_tdata + 1;
            taken = taken + 1;
        end
    end

    // sck at 1/10 of the clock, not aligned with it
    reg [BITS+7:0] answer;
    task frame(input push, input last, input pop, input [BITS-1:0] data, input integer bits);
        reg [BITS+8:0] out;
        integer i;
        begin
            out = {push, last, pop, 5'b0, data, 1'b0};
            answer = 0;
            cs_n = 0;
            #(150);
            for (i = 0; i < bits; i = i + 1) begin
                mosi = out[BITS+8-i];
                #(83.4);
                sck = 1;
                answer = {answer[BITS+6:0], miso};
                #(83.4);
                sck = 0;
            end
            #(83.4);
            cs_n = 1;
            #(150);
        end
    endtask

    integer failures = 0;
    task check(input condition, input [8*40-1:0] what);
        if (!condition) begin
            failures = failures + 1;
            $display("FAIL at %0t: %0s (answer %h, taken %0d)", $time, what, answer, taken);
        end
    endtask

    integer n;
    initial begin
        #500;
        frame(0, 0, 0, 0, BITS + 8);
        check(answer[BITS+7:BITS] == 8'b0011_1001, "free, idle, error 9");
        frame(1, 1, 0, 32'h1234_5678, BITS + 7);
        frame(1, 1, 0, 32'h1234_5678, BITS + 9);
        check(taken == 0, "short and long frames are ignored");
        for (n = 0; n < 200; n = n + 1) begin
            frame(1, n[0], 1, n * 32'h0101_0307, BITS + 8);
            check(answer[BITS+5], "room for a beat");
            frame(0, 0, 1, 0, BITS + 8);
            check(answer[BITS+7] && answer[BITS+6] == n[0], "an answer, with its last");
            check(answer[BITS-1:0] == n * 32'h0101_0307 + 1, "data plus one");
        end
        // Fill: one beat in `held`, one in the core, one in the bridge's input; the fourth is dropped.
        for (n = 0; n < 4; n = n + 1) begin
            frame(1, 0, 0, 100 + n, BITS + 8);
            check(answer[BITS+5] == (n < 3), "free until three beats wait");
        end
        for (n = 0; n < 3; n = n + 1) begin
            frame(0, 0, 1, 0, BITS + 8);
            check(answer[BITS+7] && answer[BITS-1:0] == 101 + n, "drained in order");
        end
        frame(0, 0, 1, 0, BITS + 8);
        check(!answer[BITS+7] && taken == 203, "the dropped beat never arrives");
        if (failures == 0) $display("bridge: 203 beats, all checks passed");
        else $fatal(1, "bridge: %0d checks failed", failures);
        $finish;
    end
endmodule
