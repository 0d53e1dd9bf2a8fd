//! `crumb inspect`: what a model is made of, where each node runs, and a precision plan to begin with.

mod report;
pub mod shapes;
mod template;

use super::Failure;
use super::constants::ConstantOptions;
use super::files::{OutputFile, at, read, refuse_same};
use super::output::{print, print_json};
use super::table::{Table, thousands};
use crate::onnx;
use report::{NodeRow, Totals};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Show what a model is made of: each node, where it runs, its MACs, types and zero points.
///
/// "array": the machine computes it; "host": this computer does, in onnxruntime's arithmetic. A layer's output is requantized on
/// chip, or its int32 sums are read out and the host finishes; the last column says why. Weights with zero points and float32
/// outputs are read out, so a model quantized with symmetric weights and a QuantizeLinear behind each layer runs fastest.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  crumb inspect model.onnx\n  \
crumb inspect model.onnx --input-shape image=1x3x224x224\n  \
crumb inspect model.onnx --out plan.toml      then edit it, and: crumb run model.onnx --precision plan.toml ...")]
pub struct Inspect {
    /// The model.
    #[arg(value_name = "MODEL.onnx")]
    model: PathBuf,
    /// Sizes of an input that the file leaves open; repeat for several. The name may be left out if there is one input.
    #[arg(long = "input-shape", value_name = "[NAME=]1x3x224x224")]
    input_shapes: Vec<String>,
    #[command(flatten)]
    constants: ConstantOptions,
    /// Write a precision plan to edit: every layer of the array, at the file's widths.
    #[arg(long, value_name = "PLAN.toml")]
    out: Option<PathBuf>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Everything that is printed.
#[derive(Serialize)]
struct Report {
    model: String,
    note: Option<String>,
    nodes: Vec<NodeRow>,
    totals: Totals,
}

impl Inspect {
    /// Carries the command out.
    pub fn execute(&self) -> Result<(), Failure> {
        if let Some(out) = &self.out {
            let mut inputs: Vec<(&str, &Path)> = vec![("the model", &self.model)];
            inputs.extend(self.constants.inputs());
            refuse_same(&[("--out", out)], &inputs)?;
        }
        let bytes = read(&self.model)?;
        let model = self.model.display().to_string();
        let import = self.constants.import(&bytes, &self.model)?;
        let shapes::InputShapes { sizes, note } = shapes::of(&import.network, &self.input_shapes, "MACs")?;
        let known = sizes.map(|sizes| import.network.known(&sizes)).transpose().map_err(at(&model))?;
        let types = onnx::weight_types(&bytes, &import);
        let nodes = report::rows(&import.network, known.as_deref(), &types, !self.input_shapes.is_empty());
        let totals = report::totals(&import.network, &nodes);
        if let Some(out) = &self.out {
            OutputFile::create(out)?.finish(|file| file.write_all(template::plan(&model, &nodes).as_bytes()))?;
        }
        let report = Report { model, note, nodes, totals };
        if self.json { print_json(&report) } else { print(&report.text()) }
    }
}

impl Report {
    fn text(&self) -> String {
        let header = ["node", "operator", "output shape", "runs on", "MACs", "activations", "weights", "zero points", "output"];
        let mut table = Table::new(&header);
        for row in &self.nodes {
            let shape = format!("[{}]", row.shape.join(", "));
            let mut cells = vec![row.name.escape_debug().to_string(), row.operator.clone(), shape];
            match &row.layer {
                None => cells.push("host".into()),
                Some(layer) => cells.extend([
                    "array".into(),
                    layer.macs.map_or("-".into(), thousands),
                    layer.activations.clone(),
                    layer.weights.clone(),
                    layer.zero_points.into(),
                    layer.output.clone(),
                ]),
            }
            table.row(cells);
        }
        let note = self.note.as_ref().map_or(String::new(), |note| format!("{note}\n"));
        format!("{table}\n{}{note}", self.sums())
    }

    fn sums(&self) -> String {
        let Totals { macs, weight_bytes, input_bytes, nodes, host_nodes, elements, host_elements } = &self.totals;
        let share = elements.zip(*host_elements).filter(|(all, _)| *all > 0);
        let share = share.map_or(String::new(), |(all, host)| {
            let percent = 100.0 * host as f64 / all as f64;
            format!(", which write {} of {} elements ({percent:.1} %)", thousands(host), thousands(all))
        });
        format!(
            "array        {} MACs, {} bytes of weights, {} bytes of inputs\nhost         {host_nodes} of {nodes} nodes{share}\n",
            macs.map_or("-".into(), thousands),
            thousands(*weight_bytes),
            input_bytes.map_or("-".into(), thousands)
        )
    }
}
