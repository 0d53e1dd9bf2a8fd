//! Circuits that give back what they are sent, with the boundary of Crumb.

/// The Verilog of a loop-back circuit: module `crumb_<config>` with a stream of `stream_bits`.
pub fn loopback(config: &str, stream_bits: u32) -> String {
    include_str!("../fixtures/loopback.v")
        .replace("module crumb_loopback ", &format!("module crumb_{config} "))
        .replace("localparam S = 32;", &format!("localparam S = {stream_bits};"))
}
