//! Closed-form cycles of networks: layer shapes, their sources, and the models of other accelerators to compare with.
//!
//! Nothing here simulates: a layer's cycles follow from its shape alone.

pub mod bit_fusion;
pub mod layers;
pub mod networks;
pub mod scale_sim;
pub mod topology;
