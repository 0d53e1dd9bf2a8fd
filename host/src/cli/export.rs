//! `crumb export`: a model at a plan's precision, as a file of 8-bit types that other implementations run.

use super::Failure;
use super::constants::ConstantOptions;
use super::files::{OutputFile, at, read, refuse_same};
use super::options::Message;
use super::output::print;
use super::plan::{PlanOptions, Planned};
use super::table::thousands;
use crate::onnx;
use std::path::{Path, PathBuf};

/// Write a model at a plan's precision as an ONNX file of 8-bit types.
///
/// The file is MODEL.onnx with edits: weights of W bits stand in the upper bits of 8-bit ones, and quantizers of A-bit activations
/// have the coarser step and a Clip to the range of A bits. Whoever runs it, onnxruntime for one, computes the numbers that `crumb
/// run` computes at the same precision. Bytes that are not edited stay as they are: at 8 bits everywhere the file is a copy.
#[derive(clap::Args)]
#[command(after_help = "Example: every layer at 4-bit weights and 8-bit activations\n  \
crumb export model.onnx --weight-bits 4 --out model_w4.onnx\n\
A plan with every layer's name, to edit: crumb inspect model.onnx --out plan.toml\n  \
crumb export model.onnx --precision plan.toml --out switched.onnx")]
pub struct Export {
    /// The model: ONNX, quantized statically or dynamically.
    #[arg(value_name = "MODEL.onnx")]
    model: PathBuf,
    #[command(flatten)]
    plan: PlanOptions,
    #[command(flatten)]
    constants: ConstantOptions,
    /// The edited model.
    #[arg(long, value_name = "SWITCHED.onnx")]
    out: PathBuf,
}

impl Export {
    /// Carries the command out.
    pub fn execute(&self) -> Result<(), Failure> {
        let mut inputs: Vec<(&str, &Path)> = vec![("the model", &self.model)];
        inputs.extend(self.plan.precision.as_deref().map(|path| ("--precision", path)));
        inputs.extend(self.constants.inputs());
        refuse_same(&[("--out", &self.out)], &inputs)?;
        let bytes = read(&self.model)?;
        let import = self.constants.import(&bytes, &self.model)?;
        let mut network = import.network.clone();
        let Planned { plan, counts, origin } = self.plan.plan(&mut network)?;
        if let Some(layer) = counts.keys().next() {
            let text = format!(
                "{origin}: [[layer]] {layer:?} has important channels, which a file of 8-bit types has not: leave them out"
            );
            return Err(Message(text).into());
        }
        let out = OutputFile::create(&self.out)?;
        let exported = onnx::export(&bytes, &import, &network, &plan).map_err(at(self.model.display()))?;
        out.finish(|file| file.write_all(&exported))?;
        let what = if exported == bytes { "a copy: the plan changes nothing" } else { "switched" };
        print(&format!("{}: {} bytes, {what}\n", self.out.display(), thousands(exported.len() as u64)))
    }
}
