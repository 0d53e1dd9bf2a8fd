//! Charts of all precisions: speed and energy against all layers at 8 bits, where energy goes, and the planner's front.

use super::chart::scale::number;
use super::chart::{Bar, Bars, Line, Plot, Point, Row, Scale};
use super::front::{self, Front};
use super::metrics::{Kind, Metrics};
use super::{Estimated, Report};
use crate::energy::PARTS;
use maud::Markup;

/// Speed-up and energy gain of each precision.
pub fn gains(report: &Report) -> Markup {
    let bars = |row: &Metrics| {
        let of = |what: &str, value: Option<f64>, class| {
            let text = value.map_or_else(|| "not known".into(), |value| format!("{value:.3} times"));
            Bar { value, class, title: format!("{}: {what} {text}", row.name) }
        };
        vec![of("speed-up", row.speedup, 0), of("energy gain", row.energy_gain, 1)]
    };
    let own = report.metrics.iter().filter(|row| row.kind != Kind::Baseline);
    Bars {
        id: "gains",
        title: "Speed and energy against all layers at 8 bits",
        about: "times fewer cycles, times less energy; the line is a8w8",
        legend: vec![(0, "speed-up".into()), (1, "energy gain".into())],
        stacked: false,
        unit: "\u{d7}",
        end: None,
        reference: Some(1.0),
        rows: own.map(|row| Row { label: row.name.clone(), bars: bars(row), note: None }).collect(),
    }
    .draw()
}

/// Where energy goes, at each precision; `from` leaves out the first parts.
fn breakdown(report: &Report, id: &str, title: &str, about: &str, from: usize) -> Markup {
    let known = |part: usize| {
        let energies = report.estimates.iter().filter_map(|estimated| estimated.estimate.total.energy.as_ref());
        energies.into_iter().any(|energy| energy.parts()[part].is_some())
    };
    let shown: Vec<usize> = (from..PARTS.len()).filter(|&part| known(part)).collect();
    let row = |Estimated { precision, estimate }: &Estimated| {
        let parts = estimate.total.energy.as_ref().map(crate::energy::Estimate::parts).unwrap_or_default();
        let bar = |&part: &usize| {
            let value = parts[part].map(|pj| pj / 1e6);
            let text = value.map_or_else(|| "not known".into(), |value| format!("{} uJ", number(value)));
            Bar { value, class: part, title: format!("{precision}, {}: {text}", PARTS[part].replace('_', " ")) }
        };
        Row { label: precision.clone(), bars: shown.iter().map(bar).collect(), note: None }
    };
    Bars {
        id,
        title,
        about,
        legend: shown.iter().map(|&part| (part, PARTS[part].replace('_', " "))).collect(),
        stacked: true,
        unit: "",
        end: None,
        reference: None,
        rows: report.estimates.iter().map(row).collect(),
    }
    .draw()
}

/// All energy.
pub fn energy(report: &Report) -> Markup {
    let about = format!("uJ by '{}', external memory included", report.energy_table);
    breakdown(report, "energy", "Where energy goes", &about, 0)
}

/// Energy without external memory, which hides the rest.
pub fn energy_on_chip(report: &Report) -> Markup {
    let about = format!("uJ by '{}', without external memory", report.energy_table);
    breakdown(report, "energy-on-chip", "Where energy goes on the chip", &about, 1)
}

fn plan_title(point: &front::Point) -> String {
    let runs = point.pairs.chunk_by(|a, b| a == b);
    let run = |run: &[String]| if run.len() == 1 { run[0].clone() } else { format!("{}*{}", run.len(), run[0]) };
    let accuracy = point.measured_accuracy.map_or_else(String::new, |share| format!(", accuracy {share:.3}"));
    let pairs = runs.map(run).collect::<Vec<_>>().join(" ");
    format!(
        "{} cycles, loss {:.5}{accuracy}, {} weight bytes: {pairs}",
        point.measured_cycles, point.measured_loss, point.weight_bytes
    )
}

/// A front over cycles; the points that have no value are left out.
fn front_plot(front: &Front, id: &str, title: &str, name: &str, of: impl Fn(&front::Point) -> Option<f64>) -> Markup {
    let place = |point: &front::Point| Some([point.measured_cycles as f64, of(point)?]);
    let mut places: Vec<([f64; 2], String)> =
        front.front.iter().filter_map(|point| Some((place(point)?, plan_title(point)))).collect();
    places.sort_by(|a, b| a.0[0].total_cmp(&b.0[0]));
    let line = |pair: &[([f64; 2], String)]| Line { from: pair[0].0, to: pair[1].0, name: String::new(), class: "path" };
    let about = format!("{} plans, {} image(s) a run; measured on {}", places.len(), front.batch, front.test);
    Plot {
        id,
        title,
        about: &about,
        legend: vec![],
        x: (Scale::around(places.iter().map(|(at, _)| at[0])), "cycles, as the machine counted them"),
        y: (Scale::around(places.iter().map(|(at, _)| at[1])), name),
        lines: places.windows(2).map(line).collect(),
        points: places
            .iter()
            .map(|(at, title)| Point { at: *at, class: 0, title: title.clone(), label: String::new() })
            .collect(),
    }
    .draw()
}

/// The planner's front: loss, and accuracy where it is known.
pub fn front(front: &Front) -> Vec<Markup> {
    let loss = front_plot(front, "front-loss", "Plans that no other beats: loss", &front.loss, |point| Some(point.measured_loss));
    let labelled = front.front.iter().any(|point| point.measured_accuracy.is_some());
    let accuracy = labelled.then(|| {
        front_plot(front, "front-accuracy", "The same plans: accuracy", "share of images classified correctly", |point| {
            point.measured_accuracy
        })
    });
    [Some(loss), accuracy].into_iter().flatten().collect()
}
