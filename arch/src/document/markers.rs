//! Generated text inside a page written by hand, between a pair of HTML comments that Markdown does not show.
//!
//! ```text
//! <!-- generated:NAME -->
//! ...
//! <!-- /generated -->
//! ```

use std::ops::Range;

/// Ends every generated part.
const END: &str = "<!-- /generated -->";

/// A page that cannot hold a generated part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarkerError {
    /// No generated part has this name.
    #[error("found no line '<!-- generated:{name} -->': add it where the text belongs, and '{END}' below it")]
    NoStart {
        /// The name looked for.
        name: String,
    },
    /// The part is not ended, or not before the next one begins.
    #[error("'<!-- generated:{name} -->' is not followed by '{END}' before the next generated part: add it")]
    NoEnd {
        /// The name of the part.
        name: String,
    },
}

/// `text` with the part `name` replaced by `body`; the markers stay.
///
/// # Errors
/// If the markers are missing.
pub fn splice(text: &str, name: &str, body: &str) -> Result<String, MarkerError> {
    let Range { start, end } = part(text, name)?;
    Ok(format!("{}\n{}\n{}", &text[..start], body.trim_end(), &text[end..]))
}

/// The present body of the part `name`.
///
/// # Errors
/// If the markers are missing.
pub fn body<'a>(text: &'a str, name: &str) -> Result<&'a str, MarkerError> {
    part(text, name).map(|range| text[range].trim())
}

/// From the end of the first marker to the beginning of the last.
fn part(text: &str, name: &str) -> Result<Range<usize>, MarkerError> {
    let marker = format!("<!-- generated:{name} -->");
    let start = text.find(&marker).ok_or_else(|| MarkerError::NoStart { name: name.to_owned() })? + marker.len();
    let rest = &text[start..];
    let length = rest.find(END).filter(|&end| !rest[..end].contains("<!-- generated:"));
    let length = length.ok_or_else(|| MarkerError::NoEnd { name: name.to_owned() })?;
    Ok(start..start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "a\n<!-- generated:one -->\nold\n<!-- /generated -->\nb\n<!-- generated:two -->\n<!-- /generated -->\n";

    #[test]
    fn only_the_part_named_changes_and_once_is_enough() {
        let page = splice(PAGE, "one", "new\n").unwrap();
        assert_eq!(page, PAGE.replace("old", "new"));
        assert_eq!(splice(&page, "one", "new").unwrap(), page);
        assert_eq!((body(&page, "one").unwrap(), body(&page, "two").unwrap()), ("new", ""));
        assert_eq!(splice(PAGE, "two", "x").unwrap(), PAGE.replace("two -->\n", "two -->\nx\n"));
    }

    #[test]
    fn missing_markers_are_named() {
        assert_eq!(
            splice(PAGE, "three", "x").unwrap_err().to_string(),
            "found no line '<!-- generated:three -->': add it where the text belongs, and '<!-- /generated -->' below it"
        );
        let open = PAGE.replacen("<!-- /generated -->\n", "", 1);
        assert_eq!(
            splice(&open, "one", "x").unwrap_err().to_string(),
            "'<!-- generated:one -->' is not followed by '<!-- /generated -->' before the next generated part: add it"
        );
    }
}
