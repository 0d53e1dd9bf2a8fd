//! The files under `docs/` are those that this crate makes.

use crumb_arch::document::expected;
use std::path::Path;

#[test]
fn no_document_is_stale() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| std::fs::read_to_string(root.join(path));
    let stale: Vec<_> =
        expected(read).unwrap().into_iter().filter(|d| read(d.path).ok().as_ref() != Some(&d.text)).map(|d| d.path).collect();
    assert!(stale.is_empty(), "stale: {}; run `cargo xtask docs`", stale.join(", "));
}
