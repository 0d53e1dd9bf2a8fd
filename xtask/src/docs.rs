//! `cargo xtask docs`: writes the pages that `crumb-arch` makes.

use crate::command_line::root;
use crate::failure::Failure;
use crumb_arch::document::expected;
use std::fs;

/// Writes what differs, and says so.
///
/// # Errors
/// If a page cannot be made, read or written.
pub fn write() -> Result<(), Failure> {
    let root = root();
    for document in expected(|path| fs::read_to_string(root.join(path)))? {
        let path = root.join(document.path);
        if fs::read_to_string(&path).is_ok_and(|present| present == document.text) {
            println!("{} is up to date", document.path);
        } else {
            fs::write(&path, &document.text).map_err(|source| Failure::File { action: "write", path, source })?;
            println!("{} written", document.path);
        }
    }
    Ok(())
}
