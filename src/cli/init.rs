//! `walsift init`.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::Exit;
use crate::catalog::{self, RELATED_MAX, Surroundings};
use crate::config::{TableName, is_label};
use crate::pg::{self, Dsn, Session};
use crate::pipeline::chain;
use crate::plan::{DraftSink, Refusal, Wish, draft};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The table whose rows are the subjects: `name` or `schema.name`
    #[arg(long, value_name = "TABLE", value_parser = table)]
    table: TableName,
    /// How many foreign keys away from it a table may be
    #[arg(long, value_name = "STEPS", default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=4))]
    depth: u8,
    /// Where the documents go
    #[arg(long, value_enum, default_value_t = SinkChoice::Stdout)]
    sink: SinkChoice,
    /// What the sync is called; by default as its table
    #[arg(long, value_name = "SYNC", value_parser = label)]
    name: Option<String>,
    /// The database to look at; it is not written into the file
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL", value_parser = secret)]
    url: SecretString,
    /// Write to a file, and not to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if there is one
    #[arg(long, requires = "output")]
    force: bool,
    /// Print JSON: {"table", "sync", "config", "cut"}
    #[arg(long, conflicts_with = "output")]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SinkChoice {
    /// One line of JSON for each delivery, on standard output
    Stdout,
    /// An HTTP endpoint for each subject
    Http,
}

/// The catalogue answers at once, or something is wrong.
const TIMEOUT: Duration = Duration::from_secs(20);

#[derive(Debug, thiserror::Error)]
enum InitError {
    #[error(transparent)]
    Url(#[from] pg::InvalidDsn),
    #[error("cannot reach the database")]
    Connect(#[from] pg::ConnectError),
    #[error("the database does not answer: {}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
    #[error(transparent)]
    Refused(#[from] Refusal),
}

pub(super) async fn init(options: &Options) -> Exit {
    // Before the database is asked: what is there is not to be lost.
    if let Some(file) = options.output.as_deref().filter(|file| !options.force && file.exists()) {
        eprintln!("{} is there already; --force replaces it", file.display());
        return Exit::Refused;
    }
    let made = match make(options).await {
        Ok(made) => made,
        Err(error) => {
            eprintln!("{}", chain(&error));
            return match error {
                InitError::Url(_) | InitError::Refused(_) => Exit::Refused,
                InitError::Connect(_) | InitError::Postgres(_) => Exit::NotReady,
            };
        }
    };
    if made.cut {
        eprintln!("more than {RELATED_MAX} tables are within reach; those beyond were not looked at");
    }
    let written = match &options.output {
        Some(file) => write(file, &made.text, options.force),
        None if options.json => {
            let facts = json!({
                "table": options.table.written(), "sync": made.sync, "config": made.text, "cut": made.cut,
            });
            writeln!(io::stdout(), "{facts}")
        }
        None => io::stdout().write_all(made.text.as_bytes()),
    };
    match (written, &options.output) {
        (Ok(()), Some(file)) => {
            eprintln!(
                "{} written; `walsift check --config {0}` says what is still missing",
                file.display()
            );
            Exit::Done
        }
        (Ok(()), None) => Exit::Done,
        (Err(error), file) => {
            let to = file
                .as_ref()
                .map_or("standard output".to_owned(), |file| file.display().to_string());
            eprintln!("cannot write {to}: {error}");
            Exit::Failed
        }
    }
}

struct Made {
    text: String,
    sync: String,
    cut: bool,
}

async fn make(options: &Options) -> Result<Made, InitError> {
    let dsn: Dsn = options.url.expose_secret().parse()?;
    let session = Session {
        search_path: None,
        statement_timeout: TIMEOUT,
    };
    let client = pg::connect(&dsn, &session).await?;
    let depth = usize::from(options.depth);
    // One more, to name what lies beyond.
    let Surroundings { catalog, cut } = catalog::explore(&client, &options.table, depth + 1).await?;
    let wish = Wish {
        table: &options.table,
        depth,
        name: options.name.as_deref(),
        sink: match options.sink {
            SinkChoice::Stdout => DraftSink::Stdout,
            SinkChoice::Http => DraftSink::Http,
        },
    };
    let draft = draft(&catalog, &wish)?;
    let columns = draft.columns();
    let quoted = catalog::quoted(&client, &columns).await?;
    let quoted: HashMap<&str, String> = columns.into_iter().zip(quoted).collect();
    Ok(Made {
        text: draft.text(&quoted),
        sync: draft.sync().to_owned(),
        cut,
    })
}

fn write(file: &Path, text: &str, force: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    options.open(file)?.write_all(text.as_bytes())
}

fn table(text: &str) -> Result<TableName, String> {
    TableName::parse(text)
        .ok_or_else(|| "wanted is `name` or `schema.name`; a name with a dot goes in double quotes".to_owned())
}

fn label(text: &str) -> Result<String, String> {
    let wanted = "allowed are lower-case letters, digits, `_` and `-`, beginning with a letter or digit, at most 63";
    if is_label(text) {
        Ok(text.to_owned())
    } else {
        Err(wanted.to_owned())
    }
}

/// Never refused here: the words of the refusal would show it.
#[expect(clippy::unnecessary_wraps, reason = "a parser of arguments answers with a result")]
fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::from(text))
}
