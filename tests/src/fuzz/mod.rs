//! A fuzzer of the importer: models damaged at random, what the importer and the reference make of them, and the promises that they
//! must keep.
//!
//! ```text
//!   corpus ──▶ mutate (bytes, fields) ──▶ exercise (import, infer, run)      campaign: threads, watchdog, memory
//! ```
//!
//! Everything that execution `n` does follows from the corpus, the seed and `n`, so every finding can be made again.

pub mod campaign;
pub mod corpus;
pub mod exercise;
pub mod minimise;
pub mod mutate;
pub mod plans;
pub mod tensors;
pub mod wire;
