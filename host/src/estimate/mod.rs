//! What networks cost, without running them: layer shapes, their sources, the machine's time, and the models of other accelerators to
//! compare with.

pub mod bit_fusion;
pub mod layers;
pub mod network;
pub mod networks;
pub mod product;
pub mod scale_sim;
pub mod timing;
pub mod topology;
pub mod walk;
