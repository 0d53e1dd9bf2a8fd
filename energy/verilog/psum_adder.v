// One crumb column's step down a PE: the psum from above, plus the brick column's sum, into the psum register.
module psum_adder #(
    parameter PW = 13
) (
    input wire clock,
    input wire [9:0] sum,
    input wire [PW-1:0] psum_in,
    output reg [PW-1:0] psum_out
);
    always @(posedge clock) psum_out <= psum_in + sum;
endmodule
