//! Progress of long commands.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::{Duration, Instant};

/// A bar with the time left on a terminal, nothing in a pipe (indicatif hides it there).
pub fn bar(length: usize) -> ProgressBar {
    let bar = ProgressBar::new(length as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} {elapsed}, {eta} left") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Work of unknown length: what is done so far.
pub fn spinner() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// The same for multiply-accumulates, whose number says little to a reader.
pub fn macs(total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent} % {elapsed}, {eta} left") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Work that is mostly done before a bar could be read: one appears after this time.
const PATIENCE: Duration = Duration::from_secs(2);

/// A bar that appears only if the work takes long.
pub struct Late {
    bar: ProgressBar,
    begun: Instant,
}

impl Late {
    /// No bar yet.
    pub fn new(length: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(length as u64), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed}, {eta} left") {
            bar.set_style(style);
        }
        Self { bar, begun: Instant::now() }
    }

    /// One more is done.
    pub fn inc(&self) {
        self.bar.inc(1);
        if self.bar.is_hidden() && self.begun.elapsed() > PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }

    /// All is done.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}
