//! Bars from left to right: one below the other, stacked in a row, or one in front of another.

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

/// How a row's bars stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One below the other.
    Below,
    /// One behind the end of another: parts of a whole.
    Stacked,
    /// The first in front of the others: parts of what may be.
    InFront,
}

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
    /// Its bars.
    pub bars: Vec<Bar>,
    /// What stands behind a row of one line, if it is not the length of its stack or its first bar.
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
    /// How a row's bars stand.
    pub layout: Layout,
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
            if self.layout == Layout::Stacked { vec![values.sum()] } else { values.collect() }
        };
        self.rows.iter().flat_map(of).collect()
    }

    /// Lines that a row takes.
    fn lines(&self, row: &Row) -> usize {
        if self.layout == Layout::Below { row.bars.len().max(1) } else { 1 }
    }

    /// The chart.
    pub fn draw(&self) -> Markup {
        let scale = self.end.map_or_else(|| Scale::from_zero(self.lengths()), Scale::to);
        let x = |value: f64| FROM + (TO - FROM) * scale.at(value);
        let mut y = AXIS;
        let mut tops = Vec::new();
        for row in &self.rows {
            tops.push(y);
            let lines = self.lines(row);
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
                text class="label" x="0" y=(format!("{:.1}", top + self.lines(row) as f64 * BAR / 2.0 + 4.0)) {
                    title { (row.label) } (shortened(&row.label, LABEL))
                }
                @match self.layout {
                    Layout::Below => (self.group(row, top, &x)),
                    Layout::Stacked => (self.stack(row, top, &x)),
                    Layout::InFront => (self.in_front(row, top, &x)),
                }
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
            (self.note(row, (!parts.is_empty()).then_some(from), top))
        }
    }

    fn in_front(&self, row: &Row, top: f64, x: &dyn Fn(f64) -> f64) -> Markup {
        html! {
            @for bar in row.bars.iter().rev() { @if let Some(value) = bar.value { (Self::rect(bar, FROM, x(value), top)) } }
            (self.note(row, row.bars.first().and_then(|bar| bar.value), top))
        }
    }

    /// What stands behind a row of one line.
    fn note(&self, row: &Row, value: Option<f64>, top: f64) -> Markup {
        let Some(note) = &row.note else { return self.value(value, top) };
        html! { text class="value" x="100%" y=(format!("{:.1}", top + BAR - 3.0)) text-anchor="end" { (note) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(layout: Layout, values: &[Option<f64>]) -> String {
        let bars = values.iter().enumerate().map(|(class, &value)| Bar { value, class, title: format!("<{class}>") });
        let rows = vec![Row { label: "a & b".into(), bars: bars.collect(), note: None }];
        let chart =
            Bars { id: "x", title: "t", about: "a", legend: vec![], layout, unit: " uJ", end: None, reference: None, rows };
        chart.draw().into_string()
    }

    #[test]
    fn bars_begin_at_the_axis_and_stacks_where_the_last_part_ends() {
        let grouped = chart(Layout::Below, &[Some(1.0), Some(2.0)]);
        assert_eq!(grouped.matches("class=\"mark ").count(), 2);
        assert!(
            grouped.contains("x=\"36.000%\" width=\"24.000%\"") && grouped.contains("x=\"36.000%\" width=\"48.000%\""),
            "{grouped}"
        );
        let stacked = chart(Layout::Stacked, &[Some(1.0), Some(1.0)]);
        assert!(
            stacked.contains("x=\"36.000%\" width=\"24.000%\"") && stacked.contains("x=\"60.000%\" width=\"24.000%\""),
            "{stacked}"
        );
        assert!(stacked.contains(">2 uJ<"));
    }

    #[test]
    fn what_may_be_stands_behind_what_is() {
        let text = chart(Layout::InFront, &[Some(1.0), Some(2.0)]);
        let (behind, front) =
            (text.find("class=\"mark c1\" x=\"36.000%\" width=\"48"), text.find("class=\"mark c0\" x=\"36.000%\" width=\"24"));
        assert!(behind.is_some() && behind < front, "{text}");
        assert!(text.contains(">1 uJ<") && !text.contains(">2 uJ<"));
    }

    #[test]
    fn what_is_not_known_has_no_mark_and_says_so() {
        let text = chart(Layout::Below, &[None, Some(0.0)]);
        assert_eq!((text.matches("class=\"mark ").count(), text.matches("not known").count()), (1, 1));
        assert!(chart(Layout::Stacked, &[None]).contains("not known"));
    }

    #[test]
    fn text_is_escaped() {
        let text = chart(Layout::Below, &[Some(1.0)]);
        assert!(text.contains("a &amp; b") && text.contains("&lt;0&gt;"));
    }
}
