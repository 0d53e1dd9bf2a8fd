// crumb_bridge: an SPI slave (mode 0) in front of the two streams of a Crumb core.
//
// A core has more stream wires than a board has pins. The bridge carries one beat each way
// in every SPI frame, so a microcontroller or an FTDI cable can run the machine.
//
//            frame of 8 + BITS bits, most significant bit first, cs_n low throughout
//   mosi   | push | last | pop | 0 0 0 0 0               | data to the core   |
//   miso   | full | last | free | idle | error[3:0]      | data from the core |
//
//   push  the frame carries a beat; it is taken if, and only if, `free` is 1 in this frame's answer
//   pop   the beat shown in this frame's answer is taken, if `full` is 1 in it
//   full  the answer carries a beat     free  the bridge has room for a beat
//
// The answer is a snapshot taken when cs_n falls. A frame acts when cs_n rises, and only if it had
// exactly 8 + BITS clocks: a glitch or a broken frame changes nothing.
//
// Latency: the pins are sampled by `clock` through two registers, so sck must be at most
// one tenth of `clock` and cs_n must stay high for at least eight clocks between frames.
module crumb_bridge #(
    parameter BITS = 32
) (
    input                 clock,
    // SPI pins, asynchronous to clock
    input                 cs_n,
    input                 sck,
    input                 mosi,
    output reg            miso,
    // to the core
    output reg            to_tvalid,
    output reg            to_tlast,
    output reg [BITS-1:0] to_tdata,
    input                 to_tready,
    // from the core
    input                 from_tvalid,
    input                 from_tlast,
    input      [BITS-1:0] from_tdata,
    output                from_tready,
    // status, part of every answer
    input      [3:0]      error,
    input                 idle,
    output reg            full
);
    localparam FRAME = BITS + 8;

    // Two registers against metastability, a third to see edges.
    reg [2:0] cs_seen = 3'b111;
    reg [2:0] sck_seen = 3'b000;
    reg [1:0] mosi_seen = 2'b00;
    wire opens = cs_seen[2:1] == 2'b10;
    wire closes = cs_seen[2:1] == 2'b01;
    wire rises = sck_seen[2:1] == 2'b01 && !cs_seen[1];
    wire falls = sck_seen[2:1] == 2'b10 && !cs_seen[1];

    reg [FRAME-1:0] shift = 0;
    // One past the end marks a frame as too long.
    reg [$clog2(FRAME+2)-1:0] count = 0;
    reg was_full = 0;
    reg was_free = 0;

    // The beat from the core, held until it is popped.
    reg            held_last = 0;
    reg [BITS-1:0] held_data = 0;
    assign from_tready = !full;

    wire acts = closes && count == FRAME;

    initial begin
        miso = 0;
        to_tvalid = 0;
        to_tlast = 0;
        to_tdata = 0;
        full = 0;
    end

    always @(posedge clock) begin
        cs_seen <= {cs_seen[1:0], cs_n};
        sck_seen <= {sck_seen[1:0], sck};
        mosi_seen <= {mosi_seen[0], mosi};

        if (opens) begin
            shift <= {full, held_last, !to_tvalid, idle, error, held_data};
            miso <= full;
            was_full <= full;
            was_free <= !to_tvalid;
            count <= 0;
        end else begin
            if (rises) begin
                shift <= {shift[FRAME-2:0], mosi_seen[1]};
                if (count != FRAME + 1) count <= count + 1;
            end
            if (falls) miso <= shift[FRAME-1];
        end

        if (to_tvalid && to_tready) to_tvalid <= 0;
        if (acts && shift[FRAME-1] && was_free) begin
            to_tvalid <= 1;
            to_tlast <= shift[FRAME-2];
            to_tdata <= shift[BITS-1:0];
        end

        if (from_tvalid && from_tready) begin
            full <= 1;
            held_last <= from_tlast;
            held_data <= from_tdata;
        end
        if (acts && shift[FRAME-3] && was_full) full <= 0;
    end
endmodule
