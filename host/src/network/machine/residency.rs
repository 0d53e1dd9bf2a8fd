//! Which layers' weights stay in the weight memory: decided before there is a machine.
//!
//! ```text
//!   layers in their order --> fits beside those before, and leaves room for a tile? --> resident, one upload for every precision,
//!                                                                                  |   folded if there is room
//!                                                                                  \--> streamed to what is left, in each run
//! ```

use crate::gemm::{MatrixSizes, WeightLayout, WeightStore};
use crate::network::packing::{Matrices, Packing};
use crate::network::{ArrayLayer, Network, PrecisionPlan};
use crumb_arch::ArrayConfig;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A group's matrix in the machine.
#[derive(Clone)]
pub struct Group {
    /// Its rows and columns.
    pub packing: Packing,
    /// Where it lies; `None` for a matrix without elements, and for one that is streamed.
    pub layout: Option<WeightLayout>,
}

/// A layer's matrices in the machine.
pub struct Resident {
    /// The weights that are uploaded: another network's are others, even if its node is the same.
    weights: Arc<[i8]>,
    /// The important channels that the rows are ordered by.
    important: Option<Vec<usize>>,
    /// Its matrices.
    pub groups: Vec<Group>,
}

/// The weights that stay in the machine.
pub struct Residency {
    layers: BTreeMap<usize, Resident>,
    used: usize,
}

impl Residency {
    /// The layers whose weights fit, by the index of their node, with rows in the order that the plan's important channels ask for.
    pub fn of(network: &Network, plan: &PrecisionPlan, config: &ArrayConfig) -> Self {
        let mut store = WeightStore::default();
        let packed = network.array_layers().filter_map(|(index, layer)| {
            let op = &network.nodes[index].op;
            let (matrices, important) = (Matrices::of(op)?, plan.important(op));
            let packings: Vec<Packing> = (0..matrices.groups).map(|g| matrices.pack(g, important, config.word_k())).collect();
            let alike = packings.iter().map(|packing| {
                let (k, n) = (packing.rows.len(), packing.columns.len());
                MatrixSizes { count: 1, k, n, fold: matrices.fold(packing, config) }
            });
            let alike: Vec<MatrixSizes> = alike.collect();
            Some((index, layer, important, packings, alike))
        });
        let packed: Vec<_> = packed.collect();
        let layouts = store.reserve_layers(packed.iter().map(|(.., alike)| Some(alike.clone())), config);
        let layers = packed.into_iter().zip(layouts).filter_map(|((index, layer, important, packings, _), layouts)| {
            let groups = packings.into_iter().zip(layouts?).map(|(packing, layout)| Group { packing, layout }).collect();
            let important = important.map(<[usize]>::to_vec);
            Some((index, Resident { weights: layer.weights.clone(), important, groups }))
        });
        let layers = layers.collect();
        Self { layers, used: store.used() }
    }

    /// Addresses that they take; what is left serves streamed weights.
    pub const fn used(&self) -> usize {
        self.used
    }

    /// The nodes whose weights stay, in order.
    pub fn layers(&self) -> impl Iterator<Item = (usize, &Resident)> {
        self.layers.iter().map(|(&index, resident)| (index, resident))
    }

    /// The matrices of a node's layer, if these weights in this order of rows are those that stay.
    pub fn groups(&self, node: usize, layer: &ArrayLayer, important: Option<&[usize]>) -> Option<&[Group]> {
        let resident = self.layers.get(&node)?;
        let serves = Arc::ptr_eq(&resident.weights, &layer.weights) && resident.important.as_deref() == important;
        serves.then_some(&resident.groups)
    }
}
