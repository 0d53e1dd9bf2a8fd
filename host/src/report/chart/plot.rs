//! Points and lines over two scales.

use super::scale::number;
use super::{Figure, Scale, percent};
use maud::{Markup, html};

/// Where the plot begins and ends, as shares of the width; numbers of the vertical axis stand before it.
const FROM: f64 = 0.13;
const TO: f64 = 0.975;
/// Heights in px: above the plot, of the plot, below it.
const ABOVE: f64 = 22.0;
const HEIGHT: f64 = 250.0;
const BELOW: f64 = 40.0;

/// Radius of a point in px.
const RADIUS: f64 = 4.5;
/// Where a point's label stands, in px from it: beside, and its line of text below or above.
const BESIDE: f64 = 7.0;
const BELOW_POINT: f64 = 15.0;
const ABOVE_POINT: f64 = -7.0;
/// Width of a letter of a label, and of the drawing on a phone and in a column of a wide window, in px.
const LETTER: f64 = 6.5;
const NARROW: f64 = 300.0;
const WIDE: f64 = 560.0;

/// A point.
#[derive(Clone, Debug)]
pub struct Point {
    /// Its place.
    pub at: [f64; 2],
    /// Its colour.
    pub class: usize,
    /// What a tooltip says.
    pub title: String,
    /// Text beside it.
    pub label: String,
}

/// A straight line between two points, with a name at its end.
#[derive(Clone, Debug)]
pub struct Line {
    /// Where it begins.
    pub from: [f64; 2],
    /// Where it ends.
    pub to: [f64; 2],
    /// Its name; nothing if it needs none.
    pub name: String,
    /// `roof` or `path`.
    pub class: &'static str,
}

/// A chart of points and lines.
pub struct Plot<'a> {
    /// The figure's id.
    pub id: &'a str,
    /// Its title.
    pub title: &'a str,
    /// What is shown.
    pub about: &'a str,
    /// Names of colours.
    pub legend: Vec<(usize, String)>,
    /// The horizontal axis and its name with the unit.
    pub x: (Scale, &'a str),
    /// The vertical one.
    pub y: (Scale, &'a str),
    /// Lines, below the points.
    pub lines: Vec<Line>,
    /// Points.
    pub points: Vec<Point>,
}

impl Plot<'_> {
    fn place(&self, at: [f64; 2]) -> (f64, f64) {
        (FROM + (TO - FROM) * self.x.0.at(at[0]), ABOVE + HEIGHT * (1.0 - self.y.0.at(at[1])))
    }

    /// The chart.
    pub fn draw(&self) -> Markup {
        let drawing = html! {
            (self.axes())
            @for line in &self.lines { (self.line(line)) }
            // Names of lines stand in front of lines, and hide no point; those of points can be read wherever they stand.
            @for line in &self.lines { (self.name(line)) }
            @for point in &self.points { (self.point(point)) }
            @for point in &self.points { (self.label(point)) }
        };
        let legend = self.legend.clone();
        Figure { id: self.id, title: self.title, about: self.about, legend, height: ABOVE + HEIGHT + BELOW }.draw(&drawing)
    }

    fn axes(&self) -> Markup {
        let bottom = ABOVE + HEIGHT;
        let ([left, _], [low, _]) = (self.x.0.ends(), self.y.0.ends());
        html! {
            @for tick in self.x.0.ticks() {
                @let (x, _) = self.place([tick, low]);
                line class="grid" x1=(percent(x)) x2=(percent(x)) y1=(ABOVE) y2=(bottom) {}
                text class="tick" x=(percent(x)) y=(bottom + 15.0) text-anchor="middle" { (number(tick)) }
            }
            @for tick in self.y.0.ticks() {
                @let (_, y) = self.place([left, tick]);
                line class="grid" x1=(percent(FROM)) x2=(percent(TO)) y1=(format!("{y:.1}")) y2=(format!("{y:.1}")) {}
                text class="tick" x=(percent(FROM - 0.015)) y=(format!("{:.1}", y + 4.0)) text-anchor="end" { (number(tick)) }
            }
            text class="axis" x="0" y="11" { (self.y.1) }
            text class="axis" x=(percent(TO)) y=(bottom + 33.0) text-anchor="end" { (self.x.1) }
        }
    }

    fn line(&self, line: &Line) -> Markup {
        let ((x1, y1), (x2, y2)) = (self.place(line.from), self.place(line.to));
        html! {
            line class=(line.class) x1=(percent(x1)) y1=(format!("{y1:.1}")) x2=(percent(x2)) y2=(format!("{y2:.1}")) {
                title { (line.name) }
            }
        }
    }

    fn name(&self, line: &Line) -> Markup {
        let (x2, y2) = self.place(line.to);
        html! {
            @if !line.name.is_empty() {
                text class="name" x=(percent(x2)) y=(format!("{:.1}", y2 - 4.0)) text-anchor="end" { (line.name) }
            }
        }
    }

    fn point(&self, point: &Point) -> Markup {
        let (x, y) = self.place(point.at);
        html! {
            circle class=(format!("mark c{}", point.class)) cx=(percent(x)) cy=(format!("{y:.1}")) r=(RADIUS) { title { (point.title) } }
        }
    }

    /// Points whose marks a box hides, its sides in px from the place of a point, on a drawing of this width.
    fn hidden(&self, point: &Point, [left, right, top, bottom]: [f64; 4], width: f64) -> usize {
        let (x, y) = self.place(point.at);
        let inside = |other: &&Point| {
            let (ox, oy) = self.place(other.at);
            let (dx, dy) = (width * (ox - x), oy - y);
            (left - RADIUS..right + RADIUS).contains(&dx) && (top - RADIUS..bottom + RADIUS).contains(&dy)
        };
        self.points.iter().filter(inside).count()
    }

    /// Where a label stands beside its point: to the right of it or not, and below or not; where it hides the fewest points.
    fn side(&self, point: &Point) -> (bool, bool) {
        let (x, _) = self.place(point.at);
        let length = LETTER * point.label.chars().count() as f64;
        let fits = |right: bool| if right { x * NARROW + BESIDE + length <= NARROW } else { x * NARROW - BESIDE - length >= 0.0 };
        let hidden = |&(right, below): &(bool, bool)| {
            let (from, to) = if right { (BESIDE, BESIDE + length) } else { (-BESIDE - length, -BESIDE) };
            let (top, bottom) =
                if below { (BELOW_POINT - 9.0, BELOW_POINT + 2.0) } else { (ABOVE_POINT - 9.0, ABOVE_POINT + 2.0) };
            [NARROW, WIDE].iter().map(|&width| self.hidden(point, [from, to, top, bottom], width)).sum::<usize>()
        };
        let sides = [(true, true), (false, true), (true, false), (false, false)];
        sides.into_iter().filter(|&(right, _)| fits(right)).min_by_key(hidden).unwrap_or((x < 0.5, true))
    }

    fn label(&self, point: &Point) -> Markup {
        let (x, y) = self.place(point.at);
        let (right, below) = self.side(point);
        let (anchor, dx) = if right { ("start", BESIDE) } else { ("end", -BESIDE) };
        let dy = if below { BELOW_POINT } else { ABOVE_POINT };
        html! {
            @if !point.label.is_empty() {
                text class="name" x=(percent(x)) dx=(dx) y=(format!("{:.1}", y + dy)) text-anchor=(anchor) { (point.label) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_stand_where_the_scales_say() {
        let (x, y) = (Scale::Log { from: 1.0, to: 100.0 }, Scale::to(4.0));
        let point = |at, label: &str| Point { at, class: 3, title: "p".into(), label: label.into() };
        let line = Line { from: [1.0, 0.0], to: [100.0, 4.0], name: "roof".into(), class: "roof" };
        let points = vec![point([10.0, 1.0], ""), point([100.0, 4.0], "end")];
        let plot = Plot { id: "x", title: "t", about: "a", legend: vec![], x: (x, "X"), y: (y, "Y"), lines: vec![line], points };
        let text = plot.draw().into_string();
        assert!(text.contains("<circle class=\"mark c3\" cx=\"55.250%\" cy=\"209.5\""), "{text}");
        assert!(text.contains("<circle class=\"mark c3\" cx=\"97.500%\" cy=\"22.0\""), "{text}");
        assert!(text.contains("x1=\"13.000%\" y1=\"272.0\" x2=\"97.500%\" y2=\"22.0\""), "{text}");
        assert!(text.contains("text-anchor=\"end\">end<"));
        // Names of lines hide no point, and no point hides a point's.
        assert!(text.find(">roof</text>") < text.find("<circle"), "{text}");
        assert!(text.find(">end<") > text.rfind("<circle"), "{text}");
    }

    #[test]
    fn labels_stand_where_they_hide_least() {
        let at = |at, label: &str| Point { at, class: 0, title: "p".into(), label: label.into() };
        let plot = |points| Plot {
            id: "x",
            title: "t",
            about: "a",
            legend: vec![],
            x: (Scale::to(10.0), "X"),
            y: (Scale::to(10.0), "Y"),
            lines: vec![],
            points,
        };
        let side = |others: &[[f64; 2]], from: [f64; 2]| {
            let plot = plot(others.iter().map(|&place| at(place, "")).chain([at(from, "all layers")]).collect());
            plot.side(&plot.points[others.len()])
        };
        assert_eq!(side(&[], [5.0, 5.0]), (true, true));
        assert_eq!(side(&[], [9.9, 5.0]), (false, true), "no room at the right");
        assert_eq!(side(&[], [0.1, 5.0]), (true, true), "none at the left");
        // 15 px below is 0.6 on an axis of 250 px.
        let (right, left) = ([5.5, 4.5], [4.5, 4.5]);
        assert_eq!(side(&[right], [5.0, 5.0]), (false, true));
        assert_eq!(side(&[right, left], [5.0, 5.0]), (true, false));
        assert_eq!(side(&[right, left, [5.5, 5.5]], [5.0, 5.0]), (false, false));
    }
}
