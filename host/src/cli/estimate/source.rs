//! Where the layers come from: a model and its inputs' shapes, or a table.

use crate::cli::Failure;
use crate::cli::constants::ConstantOptions;
use crate::cli::files::{At, at, read};
use crate::cli::inspect::shapes::{self, InputShapes};
use crate::cli::options::Message;
use crate::cli::plan::{PlanOptions, Planned};
use crate::digits;
use crate::estimate::layers::LayerShape;
use crate::estimate::network::{EstimateError, Workload};
use crate::estimate::networks;
use crate::estimate::topology::Topology;
use crate::network::{LayerPrecision, Network, PrecisionPlan};
use crate::refine;
use crumb_arch::ArrayConfig;
use std::path::Path;

/// Layers to estimate.
#[derive(Clone)]
pub struct Source {
    name: String,
    note: Option<String>,
    layers: Layers,
}

#[derive(Clone)]
enum Layers {
    Model { network: Network, inputs: Vec<Vec<usize>> },
    Table(Vec<LayerShape>),
}

impl Source {
    /// A model, or the embedded one, with the shapes of its inputs.
    ///
    /// # Errors
    /// Files that cannot be read, models that are refused, and sizes that stay open.
    pub fn model(path: Option<&Path>, constants: &ConstantOptions, input_shapes: &[String]) -> Result<Self, Failure> {
        let (name, network) = match path {
            Some(path) => (path.display().to_string(), constants.import(&read(path)?, path)?.network),
            None => ("digits".to_owned(), digits::load()?.network),
        };
        let InputShapes { sizes, note } = shapes::of(&network, input_shapes, "estimate")?;
        let Some(inputs) = sizes else {
            return Err(Message(format!("{name}: {}", note.unwrap_or_default())).into());
        };
        Ok(Self { name, note, layers: Layers::Model { network, inputs } })
    }

    /// A table's layers, each for so many samples.
    ///
    /// # Errors
    /// A file that cannot be read, and layers that cannot be.
    pub fn topology(path: &Path, batch: u64) -> Result<Self, Failure> {
        let Topology { layers, notes } = Topology::read(path)?;
        let note = (!notes.is_empty()).then(|| notes.join("\n"));
        // A row may have a batch of its own.
        let layers = layers.iter().map(|layer| layer.with_batch(layer.batch().saturating_mul(batch)));
        let layers = layers.collect::<Result<_, _>>().map_err(at(path.display()))?;
        Ok(Self { name: path.display().to_string(), note, layers: Layers::Table(layers) })
    }

    /// A built-in network's layers, each for so many samples.
    ///
    /// # Errors
    /// A batch that makes a layer too large.
    pub fn built_in(network: Option<networks::Network>, batch: u64) -> Result<Self, Failure> {
        let network = network.ok_or_else(|| Message("no network is named: give --network NAME".into()))?;
        let layers = network.layers()?.iter().map(|layer| layer.with_batch(batch)).collect::<Result<_, _>>()?;
        Ok(Self { name: network.name().to_owned(), note: None, layers: Layers::Table(layers) })
    }

    /// The file's or network's name.
    pub fn name(&self) -> String {
        self.name.clone()
    }

    /// What was assumed of the shapes, or left out of a table.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// How many layers.
    pub fn layers(&self) -> usize {
        match &self.layers {
            Layers::Model { network, .. } => network.array_layers().count(),
            Layers::Table(layers) => layers.len(),
        }
    }

    /// Names the source of an error.
    pub fn at(&self) -> impl FnOnce(EstimateError) -> At + use<> {
        at(self.name.clone())
    }

    /// All layers at one precision.
    ///
    /// # Errors
    /// Widths that the network cannot have.
    pub fn uniform(&self, precision: LayerPrecision, config: &ArrayConfig) -> Result<Workload, EstimateError> {
        match &self.layers {
            Layers::Model { network, inputs } => {
                Workload::of_network(network, inputs, &PrecisionPlan::uniform(precision), config)
            }
            Layers::Table(layers) => Workload::of_table(layers, precision, config),
        }
    }

    /// The plan of the arguments, which may change the network: biases, and zeros for pruned weights; `None` for a table.
    ///
    /// # Errors
    /// Plans that do not fit the network.
    pub fn plan(&mut self, options: &PlanOptions) -> Result<Option<PrecisionPlan>, Failure> {
        match &mut self.layers {
            Layers::Model { network, .. } => resolved(options, network).map(Some),
            Layers::Table(_) => Ok(None),
        }
    }

    /// The network; `None` for a table.
    pub const fn network(&self) -> Option<&Network> {
        match &self.layers {
            Layers::Model { network, .. } => Some(network),
            Layers::Table(_) => None,
        }
    }

    /// The layers at the precisions that the arguments say, and a name for these.
    ///
    /// # Errors
    /// Plans that do not fit the network, or leave open what a run would rank.
    pub fn planned(&mut self, options: &PlanOptions, refined: bool, config: &ArrayConfig) -> Result<(Workload, String), Failure> {
        let at = self.at();
        let with_slices = |plan: PrecisionPlan| if refined { refine::refined(&plan) } else { plan };
        let uniform = with_slices(PrecisionPlan::uniform(options.uniform())).default;
        let workload = match &mut self.layers {
            Layers::Model { network, inputs } => {
                let plan = resolved(options, network)?;
                Workload::of_network(network, inputs, &with_slices(plan), config)
            }
            Layers::Table(layers) => {
                if let Some(path) = &options.precision {
                    let text = "a plan names the layers of an ONNX model; a table takes --act-bits and --weight-bits";
                    return Err(Message(format!("{}: {text}", path.display())).into());
                }
                Workload::of_table(layers, uniform, config)
            }
        };
        let precision = options.precision.as_ref().map_or_else(|| uniform.to_string(), |path| path.display().to_string());
        Ok((workload.map_err(at)?, precision))
    }
}

/// The plan of the arguments, where no channels are left to be ranked.
fn resolved(options: &PlanOptions, network: &mut Network) -> Result<PrecisionPlan, Failure> {
    let Planned { plan, counts, origin } = options.plan(network)?;
    match counts.keys().next() {
        Some(layer) => {
            let text = format!(
                "{origin}: [[layer]] {layer:?} gives only the number of its important channels: list them, as which they are \
                 decides what is left out"
            );
            Err(Message(text).into())
        }
        None => Ok(plan),
    }
}
