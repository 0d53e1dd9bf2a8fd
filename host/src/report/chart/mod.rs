//! Charts as SVG that follows the page: colours are CSS classes, widths are shares of the page's, and text keeps its size.
//!
//! ```text
//!   0 %         36 %                         84 %     100 %
//!   | label     | marks on a scale           | value  |       bars: a row for each mark
//!   |      tick | points and lines                    |       plots: two scales
//! ```
//! No library that was found does this: they write colours and pixel positions into the drawing, which then shrinks with its text on a phone.
//! Each mark has the class `mark` and a `<title>` that a browser shows as a tooltip.

pub mod bars;
pub mod plot;
pub mod scale;

pub use bars::{Bar, Bars, Layout, Row};
pub use plot::{Line, Plot, Point};
pub use scale::Scale;

use maud::{Markup, html};

/// A share of the width as an attribute.
fn percent(share: f64) -> String {
    format!("{:.3}%", 100.0 * share)
}

/// A drawing with its caption, its legend and what it shows in words.
struct Figure<'a> {
    id: &'a str,
    title: &'a str,
    about: &'a str,
    /// Names of classes of colours, in their order.
    legend: Vec<(usize, String)>,
    height: f64,
}

impl Figure<'_> {
    fn draw(&self, drawing: &Markup) -> Markup {
        let label = format!("{}. {}", self.title, self.about);
        html! {
            figure class="chart" id=(self.id) {
                figcaption { strong { (self.title) } span { (self.about) } }
                @if !self.legend.is_empty() {
                    ul class="legend" { @for (class, name) in &self.legend { li { i class=(format!("c{class}")) {} (name) } } }
                }
                svg role="img" aria-label=(label) width="100%" height=(format!("{:.0}", self.height)) { (drawing) }
            }
        }
    }
}

/// A text that fits into so many characters.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    // What tells layers apart mostly stands at the end.
    let tail: Vec<char> = text.chars().rev().take(most.saturating_sub(1)).collect();
    std::iter::once('\u{2026}').chain(tail.into_iter().rev()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_their_ends() {
        assert_eq!(shortened("layer1.0.conv1", 20), "layer1.0.conv1");
        assert_eq!(shortened("layer1.0.conv1", 6), "\u{2026}conv1");
    }
}
