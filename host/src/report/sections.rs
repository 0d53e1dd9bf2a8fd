//! Charts of all precisions: speed and energy against all layers at 8 bits, the first and the last layer, and the planner's front.

use super::Report;
use super::chart::{Bar, Bars, Layout, Line, Plot, Point, Row, Scale};
use super::front::{self, Front};
use super::metrics::{ALL_EIGHT, Kind, Metrics};
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
    let bounds =
        if own.clone().any(Metrics::is_bound) { "; by lower bounds of cycles, as DRAM may hold the streams back" } else { "" };
    Bars {
        id: "gains",
        title: "Speed and energy against all layers at 8 bits",
        about: &format!("times fewer cycles, times less energy; the line is a8w8{bounds}"),
        legend: vec![(0, "speed-up".into()), (1, "energy gain".into())],
        layout: Layout::Below,
        unit: "\u{d7}",
        end: None,
        reference: Some(1.0),
        rows: own.map(|row| Row { label: row.name.clone(), bars: bars(row), note: None }).collect(),
    }
    .draw()
}

/// A figure of a row.
type Of = fn(&Metrics) -> Option<f64>;

/// The first and the last layer, which papers often leave at 8 bits: their shares at that, and at the precision that is shown.
pub fn ends(report: &Report) -> Markup {
    let eight = report.metrics.iter().position(|row| row.kind == Kind::Uniform && row.name == ALL_EIGHT);
    let places = eight.filter(|&eight| eight != report.shown.index).map(|eight| (4, eight)).into_iter();
    let places = places.chain([(0, report.shown.index)]);
    let rows: Vec<(usize, &Metrics)> = places.filter_map(|(class, place)| Some((class, report.metrics.get(place)?))).collect();
    let shares: [(&str, Of); 4] = [
        ("MACs", |row| row.first_last.macs),
        ("packed weights", |row| row.first_last.weight_bytes),
        ("cycles", |row| row.first_last.cycles),
        ("energy", |row| row.first_last.energy),
    ];
    let row = |(what, of): &(&str, Of)| {
        let bar = |&(class, row): &(usize, &Metrics)| {
            let value = of(row).map(|share| 100.0 * share);
            let text = value.map_or_else(|| "not known".into(), |value| format!("{value:.1} %"));
            Bar { value, class, title: format!("{}, {what}: {text}", row.name) }
        };
        Row { label: (*what).to_owned(), bars: rows.iter().map(bar).collect(), note: None }
    };
    Bars {
        id: "ends",
        title: "The first and the last layer",
        about: "% of the network's; quantization papers often leave these two at 8 bits",
        legend: rows.iter().map(|(class, row)| (*class, row.name.clone())).collect(),
        layout: Layout::Below,
        unit: " %",
        end: None,
        reference: None,
        rows: shares.iter().map(row).collect(),
    }
    .draw()
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
    let images = if front.batch == 1 { "1 image".to_owned() } else { format!("{} images", front.batch) };
    let about = format!("{} plans, {images} a run; measured on {}", places.len(), front.test);
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
        front_plot(front, "front-accuracy", "The same plans: accuracy", "% of images classified correctly", |point| {
            point.measured_accuracy.map(|share| 100.0 * share)
        })
    });
    [Some(loss), accuracy].into_iter().flatten().collect()
}
