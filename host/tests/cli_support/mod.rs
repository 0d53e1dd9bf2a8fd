//! The command, run as a user runs it.

use crumb::npy::{self, Array, Elements};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of a test's own, removed at its end.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &str {
        text(self.0.path())
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a text file and gives its path.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.file(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Writes a shell script that can be run.
    #[cfg(unix)]
    pub fn program(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.write(name, &format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

pub fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_crumb"))
}

pub fn crumb(arguments: &[&str]) -> Output {
    command().args(arguments).output().unwrap()
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs a command that must succeed and returns what it prints.
pub fn printed(arguments: &[&str]) -> String {
    let output = crumb(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The same for a command that prints JSON.
pub fn json(arguments: &[&str]) -> serde_json::Value {
    serde_json::from_str(&printed(arguments)).unwrap()
}

/// Runs a command that must fail with exit code 2 and returns what it says.
pub fn refusal(arguments: &[&str]) -> String {
    let output = crumb(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert!(output.stdout.is_empty(), "{arguments:?} printed a result");
    said
}

pub fn save(path: &Path, shape: &[usize], elements: Elements) {
    npy::write(path, &Array { shape: shape.to_vec(), elements }).unwrap();
}

/// Files of a 7 x 19 matrix of 4-bit activations and of a 19 x 23 matrix of weights, and their elements.
pub fn matrices(folder: &Folder) -> (PathBuf, PathBuf, Vec<i8>, Vec<i8>) {
    let acts: Vec<i8> = (0..7 * 19).map(|i| (i * 5 % 16 - 8) as i8).collect();
    let weights: Vec<i8> = (0..19 * 23).map(|i| (i * 91 % 256 - 128) as i8).collect();
    let (a, w) = (folder.file("a.npy"), folder.file("w.npy"));
    save(&a, &[7, 19], Elements::I8(acts.clone()));
    save(&w, &[19, 23], Elements::I8(weights.clone()));
    (a, w, acts, weights)
}
