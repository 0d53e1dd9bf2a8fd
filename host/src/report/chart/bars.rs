//! Bars from left to right: one below the other, or stacked in a row.

use super::scale::number;
use super::{Figure, Scale, percent, shortened};
use maud::{Markup, html};

/// Where bars begin and end, as shares of the width; labels stand before them, values behind.
const FROM: f64 = 0.36;
const TO: f64 = 0.84;
/// Characters of a label that fit at 360 px.
const LABEL: usize = 17;
/// Heights in px: of a bar, of the space between rows, of the axis.
const BAR: f64 = 13.0;
const GAP: f64 = 9.0;
const AXIS: f64 = 22.0;

/// A bar, or a part of one.
#[derive(Clone, Debug)]
pub struct Bar {
    /// Its length; nothing if it is not known.
    pub value: Option<f64>,
    /// Its colour.
    pub class: usize,
    /// What a tooltip says.
    pub title: String,
}

/// Bars with one label.
#[derive(Clone, Debug)]
pub struct Row {
    /// The label.
    pub label: String,
    /// Bars, below each other or in a row.
    pub bars: Vec<Bar>,
    /// What stands behind a row's stack, if it is not the stack's length.
    pub note: Option<String>,
}

/// A chart of bars.
pub struct Bars<'a> {
    /// The figure's id.
    pub id: &'a str,
    /// Its title.
    pub title: &'a str,
    /// What is shown, with the unit.
    pub about: &'a str,
    /// What colours mean.
    pub legend: Vec<(usize, String)>,
    /// Whether a row's bars are parts of one.
    pub stacked: bool,
    /// What follows a value.
    pub unit: &'a str,
    /// The end of the axis, if it is not the largest value.
    pub end: Option<f64>,
    /// A value that a line marks.
    pub reference: Option<f64>,
    /// The rows.
    pub rows: Vec<Row>,
}

impl Bars<'_> {
    /// Lengths of the rows' bars, or of the rows.
    fn lengths(&self) -> Vec<f64> {
        let of = |row: &Row| {
            let values = row.bars.iter().filter_map(|bar| bar.value);
            if self.stacked { vec![values.sum()] } else { values.collect() }
        };
        self.rows.iter().flat_map(of).collect()
    }

    /// The chart.
    pub fn draw(&self) -> Markup {
        let scale = self.end.map_or_else(|| Scale::from_zero(self.lengths()), Scale::to);
        let x = |value: f64| FROM + (TO - FROM) * scale.at(value);
        let mut y = AXIS;
        let mut tops = Vec::new();
        for row in &self.rows {
            tops.push(y);
            let lines = if self.stacked { 1 } else { row.bars.len().max(1) };
            y += lines as f64 * BAR + GAP;
        }
        let bottom = y - GAP / 2.0;
        let drawing = html! {
            @for tick in scale.ticks() {
                line class="grid" x1=(percent(x(tick))) x2=(percent(x(tick))) y1=(AXIS - 5.0) y2=(bottom) {}
                text class="tick" x=(percent(x(tick))) y="11" text-anchor="middle" { (number(tick)) }
            }
            @if let Some(value) = self.reference {
                line class="reference" x1=(percent(x(value))) x2=(percent(x(value))) y1=(AXIS - 5.0) y2=(bottom) {}
            }
            @for (row, top) in self.rows.iter().zip(tops) {
                @let lines = if self.stacked { 1 } else { row.bars.len().max(1) };
                text class="label" x="0" y=(format!("{:.1}", top + lines as f64 * BAR / 2.0 + 4.0)) {
                    title { (row.label) } (shortened(&row.label, LABEL))
                }
                @if self.stacked { (self.stack(row, top, &x)) } @else { (self.group(row, top, &x)) }
            }
        };
        let legend = self.legend.clone();
        Figure { id: self.id, title: self.title, about: self.about, legend, height: y }.draw(&drawing)
    }

    fn rect(bar: &Bar, from: f64, to: f64, top: f64) -> Markup {
        html! {
            rect class=(format!("mark c{}", bar.class)) x=(percent(from)) width=(percent((to - from).max(0.0))) y=(format!("{top:.1}"))
                height=(format!("{:.1}", BAR - 2.0)) rx="1.5" { title { (bar.title) } }
        }
    }

    fn value(&self, value: Option<f64>, top: f64) -> Markup {
        let text = value.map_or_else(|| "not known".to_owned(), |value| number(value) + self.unit);
        html! { text class="value" x="100%" y=(format!("{:.1}", top + BAR - 3.0)) text-anchor="end" { (text) } }
    }

    fn group(&self, row: &Row, top: f64, x: &dyn Fn(f64) -> f64) -> Markup {
        html! {
            @for (line, bar) in row.bars.iter().enumerate() {
                @let top = top + line as f64 * BAR;
                @if let Some(value) = bar.value { (Self::rect(bar, FROM, x(value), top)) }
                (self.value(bar.value, top))
            }
        }
    }

    fn stack(&self, row: &Row, top: f64, x: &dyn Fn(f64) -> f64) -> Markup {
        let mut from = 0.0;
        let known = row.bars.iter().filter_map(|bar| Some((bar, bar.value?)));
        let parts: Vec<(&Bar, f64, f64)> = known
            .map(|(bar, value)| {
                from += value;
                (bar, from - value, from)
            })
            .collect();
        html! {
            @for (bar, from, to) in &parts { (Self::rect(bar, x(*from), x(*to), top)) }
            @match &row.note {
                Some(note) => text class="value" x="100%" y=(format!("{:.1}", top + BAR - 3.0)) text-anchor="end" { (note) },
                None => (self.value((!parts.is_empty()).then_some(from), top)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(stacked: bool, values: &[Option<f64>]) -> String {
        let bars = values.iter().enumerate().map(|(class, &value)| Bar { value, class, title: format!("<{class}>") });
        let rows = vec![Row { label: "a & b".into(), bars: bars.collect(), note: None }];
        let chart =
            Bars { id: "x", title: "t", about: "a", legend: vec![], stacked, unit: " uJ", end: None, reference: None, rows };
        chart.draw().into_string()
    }

    #[test]
    fn bars_begin_at_the_axis_and_stacks_where_the_last_part_ends() {
        let grouped = chart(false, &[Some(1.0), Some(2.0)]);
        assert_eq!(grouped.matches("class=\"mark ").count(), 2);
        assert!(
            grouped.contains("x=\"36.000%\" width=\"24.000%\"") && grouped.contains("x=\"36.000%\" width=\"48.000%\""),
            "{grouped}"
        );
        let stacked = chart(true, &[Some(1.0), Some(1.0)]);
        assert!(
            stacked.contains("x=\"36.000%\" width=\"24.000%\"") && stacked.contains("x=\"60.000%\" width=\"24.000%\""),
            "{stacked}"
        );
        assert!(stacked.contains(">2 uJ<"));
    }

    #[test]
    fn what_is_not_known_has_no_mark_and_says_so() {
        let text = chart(false, &[None, Some(0.0)]);
        assert_eq!((text.matches("class=\"mark ").count(), text.matches("not known").count()), (1, 1));
        assert!(chart(true, &[None]).contains("not known"));
    }

    #[test]
    fn text_is_escaped() {
        let text = chart(false, &[Some(1.0)]);
        assert!(text.contains("a &amp; b") && text.contains("&lt;0&gt;"));
    }
}
