//! What the flow is doing, for a person who waits some minutes for it.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Receives the steps of a build.
pub trait Progress {
    /// A new step begins; the one before it is done.
    fn step(&mut self, message: &str);
}

/// Says nothing: for tests and for callers with their own display.
#[derive(Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step(&mut self, _message: &str) {}
}

/// A spinner with the elapsed time on standard error. In a pipe it draws nothing,
/// so that what a script captures is the report alone.
#[derive(Debug)]
pub struct Spinner {
    bar: ProgressBar,
}

impl Spinner {
    /// A spinner that shows itself at the first step.
    pub fn new() -> Self {
        // `new_spinner` draws on standard error, and hides itself where that is not a terminal.
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        Self { bar }
    }
}

impl Default for Spinner {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress for Spinner {
    fn step(&mut self, message: &str) {
        self.bar.set_message(message.to_owned());
        self.bar.reset_elapsed();
        self.bar.enable_steady_tick(Duration::from_millis(100));
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
