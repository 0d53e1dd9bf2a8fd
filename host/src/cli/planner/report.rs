//! What `crumb plan` prints.

use crate::cli::Failure;
use crate::cli::table::{Table, thousands};
use crate::planner::Metric;
use crate::planner::measure::Outcome;
use serde::Serialize;

/// One layer of the plan.
#[derive(Clone, Debug, Serialize)]
pub struct LayerRow {
    pub name: String,
    pub macs: u64,
    pub pair: String,
    /// Width of the results.
    pub output_bits: u8,
    /// Predicted loss with this layer alone at its pair.
    pub loss: Option<f64>,
    pub predicted_cycles: u64,
    pub measured_cycles: u64,
    /// Of the plan's cycles.
    pub share: f64,
}

/// A plan with a name.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub name: String,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// A plan, and uniform precisions that take no more than the same limit.
#[derive(Clone, Debug, Serialize)]
pub struct Against {
    /// The one that classifies most test images correctly, of these the one that loses least.
    pub most_accurate: Row,
    /// The one that loses least on the test data.
    pub least_loss: Row,
    pub plan: Row,
}

/// Everything that is printed.
#[derive(Debug, Serialize)]
pub struct Report {
    pub model: String,
    pub config: String,
    /// Images that the machine runs.
    pub batch: usize,
    pub calibration_images: usize,
    pub test: String,
    /// What is lost.
    pub loss: String,
    pub metric: &'static str,
    /// Cost of all layers at their widest, in counted units.
    pub full: u64,
    #[serde(skip)]
    pub shown: Metric,
    /// The limit, in counted units.
    pub budget: Option<u64>,
    pub layers: Vec<LayerRow>,
    pub plan: Option<Row>,
    pub front: Vec<Row>,
    /// Uniform precisions, and plans that take no more.
    pub against: Vec<Against>,
}

fn small(value: Option<f64>) -> String {
    // Losses from a file may be as large as floats are.
    let shown = |value: f64| if value.abs() < 1e6 { format!("{value:.5}") } else { format!("{value:.5e}") };
    value.map_or("-".into(), shown)
}

fn share(value: Option<f64>) -> String {
    value.map_or("-".into(), |value| format!("{value:.3}"))
}

impl Report {
    /// The first row whose cycles are not as predicted.
    pub fn mispredicted(&self) -> Option<&Row> {
        let against = self.against.iter().flat_map(|a| [&a.most_accurate, &a.least_loss, &a.plan]);
        let rows = self.plan.iter().chain(&self.front).chain(against);
        rows.into_iter().find(|row| row.outcome.predicted_cycles != row.outcome.measured_cycles)
    }

    /// For reading.
    pub fn text(&self) -> String {
        let images = if self.batch == 1 { "1 image".into() } else { format!("{} images", self.batch) };
        let mut text = format!(
            "{} on '{}', {images} a run; {}, {} calibration images; measured on {}\n",
            self.model, self.config, self.loss, self.calibration_images, self.test
        );
        if let (Some(budget), Some(plan)) = (self.budget, &self.plan) {
            let of = self.shown;
            text += &format!("budget {}; all layers at their widest take {}\n", of.show(budget), of.show(self.full));
            text += &format!("\n{}\n{}", self.layer_table(), plan_table(&plan.outcome));
        }
        if !self.front.is_empty() {
            text += &format!("\n{}", front_table(&self.front, self.shown));
        }
        if !self.against.is_empty() {
            text += &format!("\n{}", against_table(&self.against));
        }
        text
    }

    fn layer_table(&self) -> Table {
        let mut table = Table::new(&["layer", "MACs", "pair", "results", "loss alone", "cycles", "measured", "share"]);
        for row in &self.layers {
            table.row(vec![
                row.name.escape_debug().to_string(),
                thousands(row.macs),
                row.pair.clone(),
                format!("{} bits", row.output_bits),
                small(row.loss),
                thousands(row.predicted_cycles),
                thousands(row.measured_cycles),
                format!("{:.1} %", 100.0 * row.share),
            ]);
        }
        table
    }

    /// As comma-separated values: the plan, if there is a budget, then the front or the comparison.
    ///
    /// # Errors
    /// If the text cannot be made.
    pub fn csv(&self) -> Result<String, Failure> {
        let against = self.against.iter().flat_map(|a| [&a.most_accurate, &a.least_loss, &a.plan]);
        let rows = self.plan.iter().chain(&self.front).chain(against);
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record([
            "name",
            "predicted_cycles",
            "measured_cycles",
            "bops",
            "weight_bytes",
            "energy_nj",
            "predicted_loss",
            "measured_loss",
            "predicted_accuracy",
            "measured_accuracy",
            "pairs",
        ])?;
        let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
        for Row { name, outcome: o } in rows {
            writer.write_record([
                name.clone(),
                o.predicted_cycles.to_string(),
                o.measured_cycles.to_string(),
                o.bops.to_string(),
                o.weight_bytes.to_string(),
                number(o.energy_nj),
                number(o.predicted_loss),
                o.measured_loss.to_string(),
                number(o.predicted_accuracy),
                number(o.measured_accuracy),
                o.pairs.join(" "),
            ])?;
        }
        writer.flush()?;
        Ok(String::from_utf8_lossy(writer.get_ref()).into_owned())
    }
}

fn plan_table(outcome: &Outcome) -> Table {
    let mut table = Table::new(&["plan", "predicted", "measured"]);
    table.row(vec!["cycles".into(), thousands(outcome.predicted_cycles), thousands(outcome.measured_cycles)]);
    table.row(vec!["loss".into(), small(outcome.predicted_loss), small(Some(outcome.measured_loss))]);
    table.row(vec!["accuracy".into(), share(outcome.predicted_accuracy), share(outcome.measured_accuracy)]);
    table.row(vec!["BOPs".into(), thousands(outcome.bops), String::new()]);
    table.row(vec!["weight bytes".into(), thousands(outcome.weight_bytes), String::new()]);
    if let Some(energy) = outcome.energy_nj {
        table.row(vec!["energy, nJ".into(), format!("{energy:.1}"), String::new()]);
    }
    table
}

/// Runs of equal pairs are written once: `a8w8 3*a4w4`.
fn pairs(outcome: &Outcome) -> String {
    let runs = outcome.pairs.chunk_by(|a, b| a == b);
    let run = |run: &[String]| if run.len() == 1 { run[0].clone() } else { format!("{}*{}", run.len(), run[0]) };
    runs.map(run).collect::<Vec<_>>().join(" ")
}

fn front_table(rows: &[Row], metric: Metric) -> Table {
    let mut header = vec!["cycles", "measured", "BOPs", "weight bytes", "loss", "measured", "accuracy", "measured", "layers"];
    if metric == Metric::Energy {
        header.insert(0, "energy");
    }
    let mut table = Table::new(&header);
    for Row { name, outcome: o } in rows {
        let mut cells = vec![
            thousands(o.predicted_cycles),
            thousands(o.measured_cycles),
            thousands(o.bops),
            thousands(o.weight_bytes),
            small(o.predicted_loss),
            small(Some(o.measured_loss)),
            share(o.predicted_accuracy),
            share(o.measured_accuracy),
            pairs(o),
        ];
        if metric == Metric::Energy {
            cells.insert(0, name.clone());
        }
        table.row(cells);
    }
    table
}

fn against_table(rows: &[Against]) -> String {
    let header = [
        "at most",
        "most accurate uniform",
        "accuracy",
        "least uniform loss",
        "loss",
        "plan: cycles",
        "measured",
        "accuracy",
        "loss",
        "layers",
    ];
    let mut table = Table::new(&header);
    for Against { most_accurate, least_loss, plan } in rows {
        table.row(vec![
            plan.name.clone(),
            most_accurate.name.clone(),
            share(most_accurate.outcome.measured_accuracy),
            least_loss.name.clone(),
            small(Some(least_loss.outcome.measured_loss)),
            thousands(plan.outcome.predicted_cycles),
            thousands(plan.outcome.measured_cycles),
            share(plan.outcome.measured_accuracy),
            small(Some(plan.outcome.measured_loss)),
            pairs(&plan.outcome),
        ]);
    }
    let count = |wins: &dyn Fn(&Against) -> bool| rows.iter().filter(|row| wins(row)).count();
    let accuracy = |row: &Row| row.outcome.measured_accuracy;
    let more = count(&|a| accuracy(&a.plan) > accuracy(&a.most_accurate));
    let same = count(&|a| accuracy(&a.plan) == accuracy(&a.most_accurate));
    let less = count(&|a| a.plan.outcome.measured_loss < a.least_loss.outcome.measured_loss);
    let equal = count(&|a| a.plan.outcome.measured_loss == a.least_loss.outcome.measured_loss);
    let mut text = format!(
        "{table}\nof {} plans, {less} lose less than every uniform precision that takes no more, {equal} as much",
        rows.len()
    );
    if rows.iter().all(|row| accuracy(&row.plan).is_some()) {
        text += &format!("; {more} classify more images correctly, {same} as many");
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_losses_are_short() {
        let shown = [0.0, 0.5, 999_999.0, 1e6, -1e308].map(|value| small(Some(value)));
        assert_eq!(shown, ["0.00000", "0.50000", "999999.00000", "1.00000e6", "-1.00000e308"]);
    }
}
