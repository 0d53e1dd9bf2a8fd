// What a column's accumulator does to its four sums between two memories' ports: take the stored row of the half that is being filled,
// add, register. The memories themselves, and their addresses, are left out.
module accumulator_adder (
    input wire clock,
    input wire accumulate,
    input wire half,
    input wire [31:0] value0,
    input wire [31:0] value1,
    input wire [31:0] value2,
    input wire [31:0] value3,
    input wire [31:0] low0,
    input wire [31:0] low1,
    input wire [31:0] low2,
    input wire [31:0] low3,
    input wire [31:0] high0,
    input wire [31:0] high1,
    input wire [31:0] high2,
    input wire [31:0] high3,
    output reg [31:0] result0,
    output reg [31:0] result1,
    output reg [31:0] result2,
    output reg [31:0] result3
);
    always @(posedge clock) begin
        result0 <= (accumulate ? (half ? high0 : low0) : 32'd0) + value0;
        result1 <= (accumulate ? (half ? high1 : low1) : 32'd0) + value1;
        result2 <= (accumulate ? (half ? high2 : low2) : 32'd0) + value2;
        result3 <= (accumulate ? (half ? high3 : low3) : 32'd0) + value3;
    end
endmodule
