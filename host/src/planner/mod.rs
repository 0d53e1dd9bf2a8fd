//! The planner: which layer runs at how many bits, so that a budget holds and the least is lost.
//!
//! ```text
//!   network ──choices──▶ widths that are possible ──costs──▶ cycles, BOPs, ... of each, by the estimate
//!                                  │                                   │
//!   calibration data ──sensitivity (or a file)──▶ predicted loss ──────┤
//!                                                                      ▼
//!                              budget ──▶ problem ──solve (integer linear program)──▶ assignments
//!                                                     refine (measured on calibration data) ──▶ plan.toml
//! ```
//! What is predicted of costs is exact: a layer's cycles depend on its own two widths and on the width that its results are packed
//! at, and the machine is idle between layers, so the costs of a plan are sums of entries of a table ([`costs`]). What is predicted of
//! losses is not: they are taken as if layers disturbed the output independently ([`sensitivity`]). So solutions, their neighbours and uniform
//! precisions are measured, and the best is kept ([`refine`]).

pub mod budget;
pub mod choices;
pub mod costs;
mod energy;
mod error;
pub mod front;
pub mod loss;
pub mod measure;
pub mod problem;
pub mod refine;
pub mod sensitivity;
pub mod sensitivity_file;
pub mod solve;

pub use budget::{Amount, Budget, Decimal};
pub use choices::{Assignment, Choices, Pair};
pub use costs::{CostTable, Metric};
pub use error::PlannerError;
pub use problem::{Problem, Solution};
pub use refine::{Grounds, Refined, Refiner};
pub use sensitivity::Sensitivities;
