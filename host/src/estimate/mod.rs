//! What a product costs, without running it.

pub mod timing;
