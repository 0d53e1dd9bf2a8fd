// A processing element for int8 weights alone, to compare Crumb's with: the same neighbours, the same control, the same four
// registers from act_in to psum, and what a fixed one does without: one weight word, one psum of 24 bits, a plain 8 x 8 multiplier.
//
//   act_in --> act --> half0, half1 = act * low and high nibble of active --> product --> (+ psum_in) --> psum
//
// ACT_SIGNED 1: activations are int8; 0: uint8, as after a ReLU.
module fixed_pe #(
    parameter ACT_SIGNED = 1
) (
    input wire clock,
    input wire [7:0] act_in,
    input wire load_in,
    input wire swap_in,
    input wire [7:0] weight_in,
    input wire [23:0] psum_in,
    output wire [7:0] act_out,
    output wire load_out,
    output wire swap_out,
    output wire [7:0] weight_out,
    output wire [23:0] psum_out
);
    reg [7:0] act, weight, shadow, active;
    reg load, swap;
    // int8: -128 * 15 .. 127 * 15; uint8: 0 .. 255 * 15, so one bit more. Both products lie within 16 bits.
    reg signed [ACT_SIGNED ? 11 : 12:0] half0;
    reg signed [11:0] half1;
    reg signed [15:0] product;
    reg [23:0] psum;

    wire signed [8:0] a = {ACT_SIGNED ? act[7] : 1'b0, act};
    wire signed [4:0] low = {1'b0, active[3:0]};
    wire signed [3:0] high = active[7:4];

    assign act_out = act;
    assign load_out = load;
    assign swap_out = swap;
    assign weight_out = weight;
    assign psum_out = psum;

    always @(posedge clock) begin
        act <= act_in;
        load <= load_in;
        swap <= swap_in;
        weight <= weight_in;
        if (load_in) shadow <= weight_in;
        if (swap_in) active <= shadow;
        half0 <= a * low;
        half1 <= a * high;
        product <= half0 + (half1 <<< 4);
        psum <= psum_in + {{8{product[15]}}, product};
    end
endmodule
