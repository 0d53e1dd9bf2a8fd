//! Malformed, truncated and random command streams: a named error state, no hang, and a machine that works after it is cleared.

use crumb::backend::{Backend, BackendKind};
use crumb::gemm::{self, Job, Matrix, Output, Segment, Weights};
use crumb::session::{Session, SessionError};
use crumb_arch::command::{Drain, MAGIC, Tile};
use crumb_arch::lanes::header_lines;
use crumb_arch::precision::{ActBits, Rounding, WeightBits};
use crumb_arch::{ArrayConfig, Command, MachineError, Op, WeightFormat};
use proptest::prelude::*;

fn config() -> ArrayConfig {
    ArrayConfig::named("tiny").unwrap()
}

fn open(kind: BackendKind) -> Session {
    let backend: Box<dyn Backend> = kind.open(&config()).unwrap();
    Session::new(backend)
}

/// A small product that must come out right whatever happened before.
fn assert_works(session: &mut Session) {
    let acts: Vec<i16> = (0..15).map(|i| i * 7 % 11 - 5).collect();
    let weights: Vec<i8> = (0..30).map(|i| (i * 37 % 200 - 100) as i8).collect();
    let format = WeightFormat::top(WeightBits::W8, Rounding::Floor);
    let segments = [Segment::whole(5, ActBits::A8, true, format)];
    let rows = Matrix { elements: &acts, k: 5 };
    let job =
        Job { m: 3, k: 5, n: 6, rows: &rows, segments: &segments, weights: Weights::Streamed(&weights), output: Output::Raw };
    let expected: Vec<i32> =
        (0..18).map(|i| (0..5).map(|k| i32::from(acts[i / 6 * 5 + k]) * i32::from(weights[k * 6 + i % 6])).sum()).collect();
    assert_eq!(gemm::run(session, &job, 0).unwrap(), expected);
}

/// The error that a packet leaves, on one model; the machine is cleared and proven to work.
fn error_of(session: &mut Session, packet: &[u8]) -> Option<MachineError> {
    let sent = session.send_raw(packet, 0);
    assert!(matches!(sent, Ok(()) | Err(SessionError::Machine(_))));
    let error = session.status().unwrap().error;
    assert_eq!(session.clear_error().unwrap(), error);
    assert_works(session);
    error
}

fn header(op: Op) -> Vec<u8> {
    let mut lines = Vec::new();
    header_lines(&Command::from(op).encode(), &config(), &mut lines);
    lines
}

/// Random bytes, or a real header with some bits flipped, cut or extended.
fn packets() -> impl Strategy<Value = Vec<u8>> {
    let ops = prop::sample::select(vec![
        Op::LoadActivations { base: 3, count: 2 },
        Op::LoadWeights { base: 0, count: 1 },
        Op::LoadParameters { base: 0, count: 1 },
        Op::ClearCounters,
    ]);
    let mutated = (ops, prop::collection::vec((0usize..128, any::<bool>()), 0..3), 0usize..60, any::<u8>()).prop_map(
        |(op, flips, length, fill)| {
            let mut bytes = header(op);
            for (bit, _) in flips {
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            // Never a drain or a question, whose answer nobody waits for.
            if matches!(bytes[0], 4..=7) {
                bytes[0] = 0x40;
            }
            bytes.resize(length.max(1), fill);
            bytes
        },
    );
    let random = prop::collection::vec(any::<u8>(), 1..80).prop_map(|mut bytes| {
        // Plain noise has no magic: sometimes lend it one.
        if bytes.len() > 4 && bytes[4] & 1 == 1 {
            bytes[2..4].copy_from_slice(&MAGIC.to_le_bytes());
            bytes[0] |= 0x80;
        }
        bytes
    });
    prop_oneof![2 => mutated, 1 => random]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn any_packet_leaves_a_named_state_and_a_working_machine(packet in packets()) {
        let on_sim = error_of(&mut open(BackendKind::Sim), &packet);
        let on_reference = error_of(&mut open(BackendKind::Reference), &packet);
        prop_assert_eq!(on_sim, on_reference);
    }
}

#[test]
fn each_error_state_is_reached_by_its_cause() {
    let mut sim = open(BackendKind::Sim);
    let line = config().line_bytes();
    let load = |count: usize| {
        let mut bytes = header(Op::LoadActivations { base: 0, count: 3 });
        bytes.resize(bytes.len() + count * line, 1);
        bytes
    };
    let tile = Tile::ONE;
    let drain = Drain { rows: 1, accumulator: 0, half: 0, banks: 1, requantize: None };
    let compute = |tile: Tile| header(Op::Compute(tile));
    let cases = [
        (compute(Tile { rows: 0, ..tile }), MachineError::BadField),
        (compute(Tile { k_words: 5, ..tile }), MachineError::TileRange),
        (compute(Tile { weights: 2047, k_words: 2, ..tile }), MachineError::WeightRange),
        (compute(Tile { accumulator: 255, rows: 2, ..tile }), MachineError::AccumulatorRange),
        (header(Op::Drain(Drain { rows: 0, ..drain })), MachineError::BadField),
        (header(Op::Drain(Drain { accumulator: 256, ..drain })), MachineError::AccumulatorRange),
        (vec![0u8; 16], MachineError::BadMagic),
        (
            header(Op::ClearCounters).iter().enumerate().map(|(i, b)| if i == 0 { 0x7F } else { *b }).collect(),
            MachineError::BadOpcode,
        ),
        (header(Op::LoadActivations { base: 0, count: 0 }), MachineError::BadField),
        (header(Op::LoadWeights { base: 2047, count: 2 }), MachineError::WeightRange),
        (header(Op::LoadActivations { base: 1024, count: 1 }), MachineError::ActivationRange),
        (header(Op::LoadParameters { base: 64, count: 1 }), MachineError::ParameterRange),
        (header(Op::ReadStatus)[..3 * line].to_vec(), MachineError::Truncated),
        (load(0), MachineError::Truncated),
        (load(2), MachineError::Truncated),
        (load(4), MachineError::Overlong),
        ([header(Op::ClearCounters), vec![0; 4]].concat(), MachineError::Overlong),
    ];
    for (packet, error) in cases {
        assert_eq!(error_of(&mut sim, &packet), Some(error), "{packet:?}");
    }
    assert_eq!(error_of(&mut sim, &load(3)), None);
}

#[test]
fn in_the_error_state_only_status_and_clear_are_heard() {
    let mut sim = open(BackendKind::Sim);
    let _ = sim.send_raw(&[0; 16], 0);
    assert_eq!(sim.status().unwrap().error, Some(MachineError::BadMagic));
    let before = sim.status().unwrap().commands;
    // Dropped without a word, and the first error stays.
    let _ = sim.send_raw(&header(Op::LoadActivations { base: 5000, count: 1 }), 0);
    let _ = sim.send(Op::ClearCounters, &[], 0);
    let status = sim.status().unwrap();
    assert_eq!((status.error, status.commands), (Some(MachineError::BadMagic), before + 1));
    assert_eq!(sim.clear_error().unwrap(), Some(MachineError::BadMagic));
    assert_works(&mut sim);
}
