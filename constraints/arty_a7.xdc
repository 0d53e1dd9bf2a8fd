## Arty A7-35T (XC7A35TICSG324-1L), revisions D and E: pins for the ports of `crumb_board` (see ulx3s.v).
## Source: Digilent/digilent-xdc, Arty-A7-35-Master.xdc.
##
## NOT BUILT BY THIS PROJECT: Artix-7 needs Vivado. Whoever carries the core over writes a `crumb_board`
## with an MMCME2_BASE in the place of the ULX3S's PLL; bridge.v can be used as it is.

## 100 MHz oscillator
set_property -dict { PACKAGE_PIN E3  IOSTANDARD LVCMOS33 } [get_ports clk_100mhz]
create_clock -name clk_100mhz -period 10.000 [get_ports clk_100mhz]

## SPI, PMOD JA, in the order of Digilent's SPI PMOD: chip select, mosi, miso, sck
set_property -dict { PACKAGE_PIN G13 IOSTANDARD LVCMOS33 PULLUP TRUE }   [get_ports spi_cs_n]; # JA1
set_property -dict { PACKAGE_PIN B11 IOSTANDARD LVCMOS33 PULLDOWN TRUE } [get_ports spi_mosi]; # JA2
set_property -dict { PACKAGE_PIN A11 IOSTANDARD LVCMOS33 }               [get_ports spi_miso]; # JA3
set_property -dict { PACKAGE_PIN D12 IOSTANDARD LVCMOS33 PULLDOWN TRUE } [get_ports spi_sck];  # JA4

## LEDs LD4 to LD7: error
set_property -dict { PACKAGE_PIN H5  IOSTANDARD LVCMOS33 } [get_ports {led[0]}]; # LD4
set_property -dict { PACKAGE_PIN J5  IOSTANDARD LVCMOS33 } [get_ports {led[1]}]; # LD5
set_property -dict { PACKAGE_PIN T9  IOSTANDARD LVCMOS33 } [get_ports {led[2]}]; # LD6
set_property -dict { PACKAGE_PIN T10 IOSTANDARD LVCMOS33 } [get_ports {led[3]}]; # LD7
## Green of the RGB LEDs LD0 to LD3: idle, a beat waits, SPI selected, MMCM locked
set_property -dict { PACKAGE_PIN F6  IOSTANDARD LVCMOS33 } [get_ports {led[4]}]; # LD0 green
set_property -dict { PACKAGE_PIN J4  IOSTANDARD LVCMOS33 } [get_ports {led[5]}]; # LD1 green
set_property -dict { PACKAGE_PIN J2  IOSTANDARD LVCMOS33 } [get_ports {led[6]}]; # LD2 green
set_property -dict { PACKAGE_PIN H6  IOSTANDARD LVCMOS33 } [get_ports {led[7]}]; # LD3 green

## The SPI pins are sampled through two registers, and the LEDs are for eyes.
set_false_path -from [get_ports {spi_cs_n spi_mosi spi_sck}]
set_false_path -to [get_ports {spi_miso led[*]}]
