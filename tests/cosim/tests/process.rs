//! The program `crumb-cosim`, launched and driven through its pipe as the host does.

mod support;

use std::path::Path;

use crumb_cosim::client::Client;
use crumb_cosim::driver::{Batch, Driver, End, Expect, Outcome};
use crumb_cosim::protocol::Open;
use crumb_cosim::stall::Stall;
use crumb_cosim::{CosimError, VERILATOR_VERSION};
use support::{Queue, random_beats};

fn launch(config: &str) -> Result<Client, CosimError> {
    let program = Path::new(env!("CARGO_BIN_EXE_crumb-cosim"));
    Client::launch(program, &Open { config: config.to_owned(), trace: None })
}

#[test]
fn gives_the_outcomes_of_the_queue() {
    let mut client = launch("loopback256").unwrap();
    assert_eq!(client.opened().stream_bytes, 32);
    assert_eq!(client.opened().verilator, VERILATOR_VERSION);
    let mut queue = Driver::new(Queue::new(32));
    for seed in 0..5 {
        let batch = Batch {
            input: random_beats(32, 3000, seed),
            expect: Expect::Beats(3000),
            max_cycles: 100_000,
            valid_stall: Stall { seed, percent: 25 },
            ready_stall: Stall { seed: seed + 77, percent: 40 },
        };
        let outcome = client.run(&batch).unwrap();
        // The queue shows zeros where the circuit shows what it last held, so their signatures differ.
        let expected = Outcome { signature: outcome.signature, ..queue.run(&batch).unwrap() };
        assert!(outcome == expected, "seed {seed}: the outcomes differ");
        assert_eq!(outcome.end, End::Complete);
    }
}

#[test]
fn a_refused_batch_leaves_the_conversation_open() {
    let mut client = launch("loopback32").unwrap();
    let refusal = client.run(&Batch::wait(8, 1)).unwrap_err().to_string();
    assert!(refusal.contains("beats of 8 bytes, but the stream has 4"), "{refusal}");
    assert_eq!(client.run(&Batch::wait(4, 3)).unwrap().cycles, 3);
}

#[test]
fn a_refused_opening_says_why() {
    let refusal = launch("gigantic").unwrap_err().to_string();
    assert!(refusal.contains("the Verilog of `gigantic` was not built") && refusal.contains("`loopback32`"), "{refusal}");
}

#[test]
fn a_program_that_is_missing_is_named() {
    let open = Open { config: "tiny".to_owned(), trace: None };
    let refusal = Client::launch(Path::new("/nonexistent/crumb-cosim"), &open).unwrap_err().to_string();
    assert!(refusal.contains("`/nonexistent/crumb-cosim`") && refusal.contains("cargo build"), "{refusal}");
}

#[test]
fn a_program_that_speaks_otherwise_is_refused() {
    let open = Open { config: "tiny".to_owned(), trace: None };
    // It gives back the opening it was sent: the right version, but not an answer.
    let refusal = Client::launch(Path::new("/bin/cat"), &open).unwrap_err();
    assert!(matches!(refusal, CosimError::Protocol(_) | CosimError::Refused(_)), "{refusal}");
}
