//! How far it has come: a bar on a terminal, a line now and then elsewhere; on standard error.

use indicatif::{ProgressBar, ProgressDrawTarget};
use tokio::time::Instant;

use crate::cli::bars::{LINES_PERIOD, style};
use crate::cli::print;

pub(super) struct Progress {
    name: String,
    bar: ProgressBar,
    /// Whether lines are told in place of a bar.
    lines: bool,
    told_at: Instant,
    begun: bool,
    quiet: bool,
}

impl Progress {
    pub fn new(name: &str, quiet: bool) -> Self {
        let target = if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let lines = target.is_hidden() && !quiet;
        let bar = ProgressBar::with_draw_target(Some(0), target).with_style(style());
        bar.set_prefix(name.to_owned());
        Self {
            name: name.to_owned(),
            bar,
            lines,
            told_at: Instant::now(),
            begun: false,
            quiet,
        }
    }

    /// On standard output, the name once before all.
    pub fn tell(&mut self, line: &str) {
        let head = if self.begun {
            String::new()
        } else {
            format!("{}\n", self.name)
        };
        self.begun = true;
        self.bar.suspend(|| print(&format!("{head}{line}")));
    }

    pub fn show(&mut self, subjects: u64, estimate: Option<u64>) {
        let text = text(subjects, estimate);
        self.bar.set_length(estimate.unwrap_or(subjects).max(subjects));
        self.bar.set_position(subjects);
        self.bar.set_message(text.clone());
        if self.lines && self.told_at.elapsed() >= LINES_PERIOD {
            self.told_at = Instant::now();
            eprintln!("{}: {text}", self.name);
        }
    }

    pub fn clear(&mut self) {
        self.bar.finish_and_clear();
        if !self.begun && !self.quiet {
            self.tell("");
        }
    }
}

fn text(subjects: u64, estimate: Option<u64>) -> String {
    match estimate.filter(|estimate| *estimate > subjects) {
        Some(estimate) => format!("{subjects} of about {estimate} subjects"),
        None => format!("{subjects} subjects"),
    }
}
