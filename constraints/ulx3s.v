// crumb_board for the ULX3S (LFE5U-85F): clock, SPI bridge, core and LEDs.
//
// `CRUMB_CORE` names the core module and `CRUMB_STREAM_BITS` its stream width;
// `crumb fpga` defines both.
//
//   clk_25mhz -> EHXPLLL -> DCCA -> clock (60 MHz) -> core, bridge
//
// The core has initial values and no reset, so its clock is held still until the PLL has locked.
module crumb_board (
    input        clk_25mhz,
    input        spi_cs_n,
    input        spi_sck,
    input        spi_mosi,
    output       spi_miso,
    output [7:0] led,
    output       wifi_gpio0
);
    // The ESP32 restarts the board when this pin is low.
    assign wifi_gpio0 = 1'b1;

    // 25 MHz * CLKOP_DIV 24 = 600 MHz in the VCO (allowed: 400 to 800 MHz); 600 / 10 = 60 MHz.
    // Feedback from a 25 MHz output keeps the phase detector at 25 MHz; reaching 60 MHz through the
    // feedback divider would need 5 MHz. Values of Project Trellis `ecppll -i 25 -o 25 --clkout1 60`.
    wire feedback;
    wire clock_60;
    wire locked;
    (* FREQUENCY_PIN_CLKI = "25" *)
    (* FREQUENCY_PIN_CLKOP = "25" *)
    (* FREQUENCY_PIN_CLKOS = "60" *)
    (* ICP_CURRENT = "12" *) (* LPF_RESISTOR = "8" *)
    (* MFG_ENABLE_FILTEROPAMP = "1" *) (* MFG_GMCREF_SEL = "2" *)
    EHXPLLL #(
        .PLLRST_ENA("DISABLED"),
        .INTFB_WAKE("DISABLED"),
        .STDBY_ENABLE("DISABLED"),
        .DPHASE_SOURCE("DISABLED"),
        .OUTDIVIDER_MUXA("DIVA"),
        .OUTDIVIDER_MUXB("DIVB"),
        .OUTDIVIDER_MUXC("DIVC"),
        .OUTDIVIDER_MUXD("DIVD"),
        .CLKI_DIV(1),
        .CLKFB_DIV(1),
        .FEEDBK_PATH("CLKOP"),
        .CLKOP_ENABLE("ENABLED"),
        .CLKOP_DIV(24),
        .CLKOP_CPHASE(11),
        .CLKOP_FPHASE(0),
        .CLKOS_ENABLE("ENABLED"),
        .CLKOS_DIV(10),
        .CLKOS_CPHASE(11),
        .CLKOS_FPHASE(0)
    ) pll (
        .CLKI(clk_25mhz),
        .CLKFB(feedback),
        .CLKOP(feedback),
        .CLKOS(clock_60),
        .LOCK(locked),
        .CLKINTFB(),
        .RST(1'b0),
        .STDBY(1'b0),
        .PHASESEL0(1'b0),
        .PHASESEL1(1'b0),
        .PHASEDIR(1'b1),
        .PHASESTEP(1'b1),
        .PHASELOADREG(1'b1),
        .PLLWAKESYNC(1'b0),
        .ENCLKOP(1'b0)
    );

    wire clock;
    DCCA gate (.CLKI(clock_60), .CE(locked), .CLKO(clock));

    wire to_tvalid, to_tlast, to_tready;
    wire from_tvalid, from_tlast, from_tready;
    wire [`CRUMB_STREAM_BITS-1:0] to_tdata, from_tdata;
    wire [3:0] error;
    wire idle, full;

    crumb_bridge #(.BITS(`CRUMB_STREAM_BITS)) bridge (
        .clock(clock),
        .cs_n(spi_cs_n), .sck(spi_sck), .mosi(spi_mosi), .miso(spi_miso),
        .to_tvalid(to_tvalid), .to_tlast(to_tlast), .to_tdata(to_tdata), .to_tready(to_tready),
        .from_tvalid(from_tvalid), .from_tlast(from_tlast), .from_tdata(from_tdata), .from_tready(from_tready),
        .error(error), .idle(idle), .full(full)
    );

    `CRUMB_CORE core (
        .clock(clock),
        .s_axis_tvalid(to_tvalid), .s_axis_tlast(to_tlast), .s_axis_tdata(to_tdata), .s_axis_tready(to_tready),
        .m_axis_tvalid(from_tvalid), .m_axis_tlast(from_tlast), .m_axis_tdata(from_tdata), .m_axis_tready(from_tready),
        .error(error), .idle(idle)
    );

    assign led = {locked, !spi_cs_n, full, idle, error};
endmodule
