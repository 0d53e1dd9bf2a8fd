//! `crumb report`: what a network costs at many precisions, as one page, JSON or CSV.

mod accuracy;

use super::estimate::options::{LayerOptions, MachineOptions};
use super::estimate::pairs;
use super::estimate::source::Source;
use super::files::{OutputFile, at, read_text, refuse_same};
use super::options::{Message, named_file};
use super::output::{print, print_json};
use super::plan::PlanOptions;
use super::progress::Late;
use super::{Failure, energy};
use crate::energy::Model;
use crate::estimate::network::{Dram, NetworkEstimate, Workload};
use crate::estimate::product::Costs;
use crate::network::{LayerPrecision, PrecisionPlan};
use crate::report::metrics::{ALL_EIGHT, Kind, Metrics};
use crate::report::{self, Estimated, Front, Refused, Shown, baseline, zeros};
use accuracy::Labelled;
use crumb_arch::{ArrayConfig, Rounding};
use std::path::{Path, PathBuf};

/// Show what a network costs at all precisions and at plans, side by side: one HTML page, JSON or CSV.
///
/// The page has a table of MACs, BOPs, weight bytes, cycles, time, energy, TOPS/W, utilisation and accuracy, with all layers at 8 bits and fp16
/// as baselines, and charts: speed-up and energy, where energy goes, the roofline, and for one precision or plan the utilisation and the stalls
/// of each layer. It is one file without scripts that loads nothing. Without a model, a table or a network's name, the layers are those of the
/// embedded digits network.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  crumb report -o report.html                                         the embedded digits\n  \
crumb report --network resnet18 --config large -o resnet18.html\n  \
crumb plan --front --json > front.json && crumb report --front front.json -o report.html\n  \
crumb report model.onnx --precision plan.toml --data x.npy --labels y.npy -o report.html\n  \
crumb report --network resnet50 --config huge --energy horowitz-45nm --clock 500 --csv > metrics.csv\n\
What each figure means: docs/report.md."
)]
pub struct Report {
    #[command(flatten)]
    layers: LayerOptions,
    /// A precision plan to show beside the nine pairs of widths; repeat for several. The last one is shown layer by layer.
    #[arg(long = "precision", value_name = "PLAN.toml", visible_alias = "plan")]
    plans: Vec<PathBuf>,
    /// The pair of widths that is shown layer by layer, if that is no plan.
    #[arg(long, value_name = "a4w4")]
    show: Option<String>,
    /// How int8 weights are rounded to fewer bits at the pairs of widths; a plan says so itself.
    #[arg(long, value_name = "half-even|half-up|floor", default_value = "half-even")]
    rounding: Rounding,
    #[command(flatten)]
    machine: MachineOptions,
    /// What events cost: osu018 (gates of this machine, 180 nm), horowitz-45nm or bitfusion-45nm (published figures), or an energy file.
    #[arg(long, value_name = "NAME|FILE.toml", default_value = "osu018")]
    energy: String,
    /// Labelled images for accuracies: an input of the model; repeat for models with several. The embedded digits have theirs.
    #[arg(long, value_name = "[NAME=]X.npy", requires = "labels")]
    data: Vec<String>,
    /// Their labels, one integer for each.
    #[arg(long, value_name = "Y.npy", requires = "data")]
    labels: Option<PathBuf>,
    /// Plans that no other beats, as `crumb plan --front --json` prints them.
    #[arg(long, value_name = "FRONT.json")]
    front: Option<PathBuf>,
    /// Write the page.
    #[arg(short, long, value_name = "REPORT.html", required_unless_present_any = ["json", "csv"])]
    out: Option<PathBuf>,
    /// Print the figures as JSON, with every estimate.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print the table of figures as CSV.
    #[arg(long)]
    csv: bool,
}

/// A row about to be estimated.
struct Candidate {
    name: String,
    kind: Kind,
    source: Source,
    plan: Option<PrecisionPlan>,
    workload: Workload,
}

impl Report {
    /// Carries the command out.
    pub fn execute(&self) -> Result<(), Failure> {
        let out = self.output_file()?;
        self.check_names()?;
        let source = self.layers.source()?;
        let config = self.machine.config()?;
        let model = energy::model(&self.energy)?;
        let model = Model { megahertz: self.machine.clock.unwrap_or(model.megahertz), ..model };
        let labelled = Labelled::read(&source, &self.layers, &self.data, self.labels.as_deref())?;
        let (candidates, refused) = self.candidates(&source, &config)?;
        let shown = self.shown(&candidates)?;
        let front = self.read_front(&source, &config)?;
        let (metrics, estimates) = self.rows(&source, &candidates, &config, &model, labelled.as_ref())?;
        let report = report::Report {
            network: source.name(),
            note: source.note().map(str::to_owned),
            config: config.name.clone(),
            dram_bytes_per_cycle: self.machine.dram().map(|dram| dram.bytes_per_cycle),
            clock_mhz: model.megahertz,
            energy_table: model.name.clone(),
            energy_about: model.about.clone(),
            accuracy_on: labelled.map(|labelled| labelled.what),
            metrics,
            refused,
            shown,
            estimates,
            front,
            machine: config,
        };
        if let Some(out) = out {
            let html = report::page::html(&report);
            out.finish(|file| file.write_all(html.as_bytes()))?;
        }
        match (self.json, self.csv) {
            (true, _) => print_json(&report),
            (_, true) => print(&report::csv::text(&report)?),
            _ => print(&self.said(&report)),
        }
    }

    fn output_file(&self) -> Result<Option<OutputFile>, Failure> {
        let written: Vec<(&str, &Path)> = self.out.as_deref().map(|path| ("--out", path)).into_iter().collect();
        let mut read = self.layers.inputs();
        read.extend(self.machine.inputs());
        read.extend(named_file(&self.energy).map(|path| ("--energy", path)));
        read.extend(self.plans.iter().map(|path| ("--precision", path.as_path())));
        read.extend(self.front.as_deref().map(|path| ("--front", path)));
        read.extend(self.labels.as_deref().map(|path| ("--labels", path)));
        read.extend(self.data.iter().map(|argument| ("--data", super::run::inputs::path_of(argument))));
        refuse_same(&written, &read)?;
        Ok(self.out.as_deref().map(OutputFile::create).transpose()?)
    }

    /// The nine pairs of widths, those that the network cannot have, and the plans.
    fn candidates(&self, source: &Source, config: &ArrayConfig) -> Result<(Vec<Candidate>, Vec<Refused>), Failure> {
        let (mut candidates, mut refused) = (Vec::new(), Vec::new());
        for (act_bits, weight_bits) in pairs() {
            let precision = LayerPrecision { act_bits, weight_bits, rounding: self.rounding, refined: false };
            let (name, source) = (precision.to_string(), source.clone());
            let plan = source.network().map(|_| PrecisionPlan::uniform(precision));
            match source.uniform(precision, config) {
                Ok(workload) => candidates.push(Candidate { name, kind: Kind::Uniform, source, plan, workload }),
                Err(error) => refused.push(Refused { precision: name, refused: error.to_string() }),
            }
        }
        if candidates.is_empty() && self.plans.is_empty() {
            let reason = refused.pop().map_or_else(String::new, |refused| refused.refused);
            return Err(Message(format!("{}: {reason}", source.name())).into());
        }
        for path in &self.plans {
            let options = PlanOptions::of_file(path.clone());
            let mut source = source.clone();
            let (workload, name) = source.planned(&options, false, config)?;
            let plan = source.plan(&options)?;
            candidates.push(Candidate { name, kind: Kind::Plan, source, plan, workload });
        }
        Ok((candidates, refused))
    }

    /// Every row of the table, and the estimate of each that has one.
    fn rows(
        &self,
        source: &Source,
        candidates: &[Candidate],
        config: &ArrayConfig,
        model: &Model,
        labelled: Option<&Labelled>,
    ) -> Result<(Vec<Metrics>, Vec<Estimated>), Failure> {
        let mut costs = Costs::new(config);
        let bar = Late::new(candidates.len());
        let (mut rows, mut estimates) = (Vec::new(), Vec::new());
        for Candidate { name, kind, source, plan, workload } in candidates {
            let mut estimate = estimated(&mut costs, workload, self.machine.dram(), source)?;
            estimate.add_energy(model, config)?;
            let mut row = Metrics::of(name, *kind, &estimate, model.megahertz, &model.name);
            if let Some((network, plan)) = source.network().zip(plan.as_ref()) {
                row.bops_without_zeros = zeros::bops_without_zeros(network, plan, &estimate);
                row.accuracy = labelled.map(|labelled| labelled.accuracy(network, plan)).transpose()?;
            }
            rows.push(row);
            estimates.push(Estimated { precision: name.clone(), estimate });
            bar.inc();
        }
        bar.finish();
        let eight = candidates.iter().find(|candidate| candidate.kind == Kind::Uniform && candidate.name == ALL_EIGHT);
        if let Some(eight) = eight {
            rows.extend(self.baselines(&mut costs, &eight.workload, source, model)?);
        }
        Metrics::compare(&mut rows);
        Ok((rows, estimates))
    }

    /// All layers at 8 bits by the figures that fp16 has some in, unless these are the report's, and fp16 by them.
    fn baselines(
        &self,
        costs: &mut Costs<'_>,
        workload: &Workload,
        source: &Source,
        model: &Model,
    ) -> Result<Vec<Metrics>, Failure> {
        let config = costs.config();
        let published = Model { megahertz: model.megahertz, ..Model::named(baseline::TABLE)? };
        let mut estimate = estimated(costs, workload, self.machine.dram(), source)?;
        estimate.add_energy(&published, config)?;
        let fp16 = baseline::fp16(&estimate, &published, config);
        if *model == published {
            return Ok(vec![fp16]);
        }
        let eight = Metrics::of(&baseline::eight_name(), Kind::Baseline, &estimate, published.megahertz, &published.name);
        Ok(vec![eight, fp16])
    }

    /// What is shown layer by layer: what is asked for, the last plan, or 4 bits where the network can have them.
    fn shown(&self, candidates: &[Candidate]) -> Result<Shown, Failure> {
        let place = |name: &str| candidates.iter().position(|candidate| candidate.name == name);
        let index = match &self.show {
            Some(show) => place(show).ok_or_else(|| {
                let names: Vec<&str> = candidates.iter().map(|candidate| candidate.name.as_str()).collect();
                Message(format!("--show {show}: expected one of {}", names.join(", ")))
            })?,
            None => {
                let last_plan = candidates.iter().rposition(|candidate| candidate.kind == Kind::Plan);
                last_plan.or_else(|| place("a4w4")).unwrap_or(0)
            }
        };
        Ok(Shown { index, name: candidates.get(index).map_or_else(String::new, |candidate| candidate.name.clone()) })
    }

    /// Refuses plans whose names say two things: rows are told apart by them.
    fn check_names(&self) -> Result<(), Message> {
        let taken = |name: &str| pairs().any(|(act, weight)| format!("a{act}w{weight}") == name) || baseline::is_name(name);
        let names: Vec<String> = self.plans.iter().map(|path| path.display().to_string()).collect();
        for (i, name) in names.iter().enumerate() {
            if names[..i].contains(name) {
                return Err(Message(format!("--precision {name}: it is given twice; give each plan once")));
            }
            if taken(name) {
                let text = "that is the name of another row of the table";
                return Err(Message(format!("--precision {name}: {text}; rename the file, or give it as ./{name}")));
            }
        }
        Ok(())
    }

    fn read_front(&self, source: &Source, config: &ArrayConfig) -> Result<Option<Front>, Failure> {
        let Some(path) = &self.front else { return Ok(None) };
        let front = Front::parse(&read_text(path)?, &source.name(), &config.name, source.layers());
        Ok(Some(front.map_err(at(path.display()))?))
    }

    /// What was written, in a line.
    fn said(&self, report: &report::Report) -> String {
        let path = self.out.as_deref().map_or_else(String::new, |path| path.display().to_string());
        format!("{path}: {} on '{}' at {} precisions and plans\n", report.network, report.config, report.estimates.len())
    }
}

fn estimated(
    costs: &mut Costs<'_>,
    workload: &Workload,
    dram: Option<Dram>,
    source: &Source,
) -> Result<NetworkEstimate, Failure> {
    Ok(costs.network(workload, dram).map_err(source.at())?)
}
