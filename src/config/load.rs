//! From a path to a [`Config`], or to everything that keeps it from being one.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::check::check;
use super::raw::{self, Environment, Reading};
use super::{Config, File, Report};

/// A configuration that may be used.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    /// For showing later findings, such as those about the database, at their places.
    pub file: File,
    /// Warnings only.
    pub report: Report,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("can't read {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// To be shown by [`Report::render`].
    #[error("{} has {}", file.path().display(), report.tally())]
    Refused { file: File, report: Report },
}

impl Config {
    /// Reads and checks a file. `env` yields one variable of the environment.
    pub fn load(path: &Path, env: Environment<'_>) -> Result<Loaded, LoadError> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text, env),
            Err(source) => Err(LoadError::Unreadable {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// The same for a text that is at hand; `path` is what findings call it.
    pub fn parse(path: &Path, text: &str, env: Environment<'_>) -> Result<Loaded, LoadError> {
        let reading = Reading::new(text, env);
        let parsed = raw::parse(&reading);
        let mut report = Report {
            problems: reading.problems.take(),
        };
        let file = File::new(path, text, &reading.secrets.take());
        if parsed.damaged {
            // What a rule misses may stand in the part that could not be read.
            return Err(LoadError::Refused { file, report });
        }
        let config = check(parsed.raw, &mut report);
        if report.errors() > 0 {
            return Err(LoadError::Refused { file, report });
        }
        Ok(Loaded { config, file, report })
    }
}
