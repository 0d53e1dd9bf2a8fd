//! Boards, and the files of `constraints/` that each one needs.
//!
//! Only the ULX3S is synthesised and routed here. The other two have checked pin files for whoever
//! wants to carry the machine over, and are refused with the reason.

use std::fmt;
use std::str::FromStr;

use super::error::FpgaError;

/// A development board with a file in `constraints/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Board {
    /// ULX3S with a Lattice ECP5 LFE5U-85F: synthesised, placed and routed.
    Ulx3s,
    /// iCEBreaker with a Lattice iCE40 UP5K: too small, refused.
    Icebreaker,
    /// Digilent Arty A7-35T: needs Vivado, refused.
    Arty,
}

impl Board {
    /// Every board, in the order in which messages list them.
    pub const ALL: [Board; 3] = [Board::Ulx3s, Board::Icebreaker, Board::Arty];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Board::Ulx3s => "ulx3s",
            Board::Icebreaker => "icebreaker",
            Board::Arty => "arty",
        }
    }

    /// All names, separated by commas.
    pub(super) fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// What the flow needs to route for this board, or the reason why it does not.
    pub(super) fn target(self) -> Result<&'static Target, FpgaError> {
        let reason = match self {
            Board::Ulx3s => return Ok(&ULX3S),
            Board::Icebreaker => {
                "its iCE40 UP5K (5,280 LUT4) \
                 is too small for the smallest configuration"
            }
            Board::Arty => "its Artix-7 needs Vivado, which is not among the open tools used here",
        };
        Err(FpgaError::NotBuilt { board: self, reason })
    }
}

impl fmt::Display for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Board {
    type Err = FpgaError;

    /// Reads a name in any case, so that `iCEBreaker` is found too.
    fn from_str(name: &str) -> Result<Self, FpgaError> {
        Self::ALL
            .into_iter()
            .find(|board| board.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| FpgaError::UnknownBoard { name: name.to_owned() })
    }
}

/// A board that nextpnr-ecp5 routes.
#[derive(Debug)]
pub(super) struct Target {
    /// The device, as its package is marked.
    pub device: &'static str,
    /// The options of nextpnr-ecp5 that choose it.
    pub nextpnr_device: &'static [&'static str],
    /// The pins, and the frequencies of the clocks.
    pub pins: &'static str,
    /// The module `crumb_board`: PLL, bridge, core, LEDs.
    pub board_verilog: &'static str,
    /// The SPI slave in front of the streams.
    pub bridge_verilog: &'static str,
    /// The clock of the core, in MHz: what the PLL of `board_verilog` makes.
    pub core_clock_mhz: f64,
}

static ULX3S: Target = Target {
    device: "LFE5U-85F-6BG381C",
    nextpnr_device: &["--85k", "--package", "CABGA381", "--speed", "6"],
    pins: include_str!("../../../constraints/ulx3s_85f.lpf"),
    board_verilog: include_str!("../../../constraints/ulx3s.v"),
    bridge_verilog: include_str!("../../../constraints/bridge.v"),
    core_clock_mhz: 60.0,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case() {
        assert_eq!("ulx3s".parse::<Board>().unwrap(), Board::Ulx3s);
        assert_eq!("iCEBreaker".parse::<Board>().unwrap(), Board::Icebreaker);
        assert_eq!("Arty".parse::<Board>().unwrap(), Board::Arty);
        assert!(matches!("de10".parse::<Board>(), Err(FpgaError::UnknownBoard { .. })));
    }

    #[test]
    fn boards_that_are_not_built_say_why() {
        assert_eq!(
            Board::Icebreaker.target().unwrap_err().to_string(),
            "board `icebreaker` is not built by this project: its iCE40 UP5K (5,280 LUT4) \
             is too small for the smallest configuration; use `--board ulx3s`"
        );
        assert_eq!(
            Board::Arty.target().unwrap_err().to_string(),
            "board `arty` is not built by this project: its Artix-7 needs Vivado, \
             which is not among the open tools used here; use `--board ulx3s`"
        );
    }

    /// The pin file and the Verilog of a board are two files that must agree.
    #[test]
    fn every_port_of_the_ulx3s_has_a_pin_and_the_clocks_agree() {
        let target = Board::Ulx3s.target().unwrap();
        for port in ["clk_25mhz", "spi_cs_n", "spi_sck", "spi_mosi", "spi_miso", "wifi_gpio0"] {
            assert!(target.board_verilog.contains(port), "{port}");
            assert!(target.pins.contains(&format!("LOCATE COMP \"{port}\"")), "{port}");
        }
        for led in 0..8 {
            assert!(target.pins.contains(&format!("LOCATE COMP \"led[{led}]\"")), "led {led}");
        }
        let clock = target.core_clock_mhz;
        assert!(target.pins.contains(&format!("FREQUENCY NET \"clock_60\" {clock} MHZ")));
        assert!(target.board_verilog.contains(&format!("FREQUENCY_PIN_CLKOS = \"{clock}\"")));
    }
}
