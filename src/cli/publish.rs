//! `walsift publish`.

use std::fmt::Write as _;

use clap::Args;
use serde_json::json;

use super::jobs::{Trouble, prepare, print_json, sync};
use super::{ConfigFile, Exit, print};
use crate::operate;
use crate::pipeline::{self, PrepareError, Preview, PreviewError};

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// The sync whose subject it is
    #[arg(long, value_name = "SYNC")]
    sync: String,
    /// The key of the subject: `42`, or in JSON `[42]`, `["de", 7]`
    #[arg(long, value_name = "KEY")]
    key: String,
    /// Only for this sink of the sync
    #[arg(long, value_name = "SINK")]
    sink: Option<String>,
    /// Send nothing: nothing else can be done here. To send, see `walsift jobs enqueue --force`
    #[arg(long)]
    dry_run: bool,
    /// Print JSON: {"previews"}
    #[arg(long)]
    json: bool,
}

pub(super) async fn publish(options: &Options) -> Exit {
    if !options.dry_run {
        eprintln!(
            "only --dry-run is possible; to send: walsift jobs enqueue --force --sync {} --key {}",
            options.sync, options.key
        );
        return Exit::Refused;
    }
    match look(options).await {
        Ok(previews) => {
            tell(&previews, options.json);
            let is_possible = previews.iter().all(|preview| preview.error.is_none());
            if is_possible { Exit::Done } else { Exit::Failed }
        }
        Err(trouble) => trouble.tell(),
    }
}

async fn look(options: &Options) -> Result<Vec<Preview>, Trouble> {
    let (loaded, databases) = options.file.open()?;
    let (sync, sinks) = sync(&loaded.config, &options.sync, options.sink.as_deref())?;
    let prepared = prepare(&loaded, &databases, &sync.name).await?;
    let source = databases.source.get().await.map_err(PrepareError::from)?;
    let keys = operate::subjects(&source, &prepared.plans[0], std::slice::from_ref(&options.key)).await?;
    drop(source);
    pipeline::preview(&databases, &prepared, sync, &sinks, &keys[0])
        .await
        .map_err(|error: PreviewError| Trouble::NotReady(pipeline::chain(&error)))
}

fn tell(previews: &[Preview], json: bool) {
    if json {
        return print_json(&json!({ "previews": previews }));
    }
    let texts: Vec<String> = previews.iter().map(text).collect();
    print(&texts.join("\n"));
}

fn text(preview: &Preview) -> String {
    let mut text = format!("{} → {}, {}\n", preview.sync, preview.sink, preview.key);
    let verdict = match (preview.sends, preview.suppressed) {
        (Some(operation), _) => format!("{operation}, would be sent"),
        (None, Some(reason)) => format!("{reason}, would not be sent unless it is forced"),
        (None, None) => "cannot be built".to_owned(),
    };
    let _ = writeln!(text, "  verdict      {verdict}");
    if let Some(error) = &preview.error {
        let _ = writeln!(text, "  error        {error}");
    }
    if let Some(digest) = &preview.digest {
        let _ = writeln!(text, "  digest       {digest}");
    }
    let holds = match (preview.accepted_version, &preview.accepted_digest) {
        (None, _) => "nothing of it, as far as is known".to_owned(),
        (Some(_), None) => "nobody knows what".to_owned(),
        (Some(version), Some(digest)) => format!("version {version}, digest {digest}"),
    };
    let _ = writeln!(text, "  sink holds   {holds}");
    if let Some(job) = preview.job {
        let _ = writeln!(text, "  active job   {}", job.0);
    }
    if let Some(request) = &preview.request {
        let _ = writeln!(text, "\n{}", request.trim_end());
    }
    text
}
