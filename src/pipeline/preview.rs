//! What would be sent for a subject now, without sending it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::databases::Databases;
use super::prepare::{PrepareError, Prepared};
use crate::build::{self, BuildError, Digest, Ignored};
use crate::config::Sync;
use crate::diff::{self, Operation, Verdict, verdict};
use crate::mapping::SubjectKey;
use crate::operate::{Standing, standing};
use crate::pg::{self, Disposition, disposition};
use crate::publish::Delivery;

/// As far away as makes no difference: nothing is sent.
const DEADLINE: Duration = Duration::from_mins(1);

/// What would become of a subject at one sink.
#[derive(Debug, Clone, Serialize)]
pub struct Preview {
    pub sync: String,
    pub sink: String,
    /// As it is stored.
    pub key: String,
    /// `upsert` or `delete`, if something would be sent.
    pub sends: Option<&'static str>,
    /// Why nothing would be sent.
    pub suppressed: Option<&'static str>,
    /// Why it cannot be built, or no request be made of it.
    pub error: Option<String>,
    /// Of the document, 32 hex digits; all zeros where there is none.
    pub digest: Option<String>,
    /// The version that the sink accepted last, and its digest; no digest if nobody knows what the sink holds.
    pub accepted_version: Option<i64>,
    pub accepted_digest: Option<String>,
    /// The active job, which would do it.
    pub job: Option<crate::queue::JobId>,
    /// What would be sent, or what would be if somebody forced it. Without secrets.
    pub request: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    #[error(transparent)]
    Source(#[from] PrepareError),
    #[error("cannot reach the database with the state")]
    State(#[from] pg::ConnectError),
    #[error("the database with the state does not answer: {}", pg::describe(.0))]
    Postgres(#[from] pg::Error),
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Builds the document of a subject of the one sync that was prepared, and shows what would go to each of these sinks.
pub async fn preview(
    databases: &Databases,
    prepared: &Prepared,
    sync: &Sync,
    sinks: &[&str],
    key: &SubjectKey,
) -> Result<Vec<Preview>, PreviewError> {
    let source = databases.source.get().await.map_err(PrepareError::from)?;
    let ignored = Ignored::new(&sync.ignore);
    let built = build::build(&source, &prepared.plans[0], &ignored, std::slice::from_ref(key)).await?;
    let built = built.into_iter().next().expect("an answer for each key");
    let mut previews = Vec::new();
    for sink in sinks {
        let standing = match standing(&databases.state.get().await?, &sync.name, sink, key).await {
            Ok(standing) => standing,
            // Nothing has run yet.
            Err(error) if disposition(&error) == Disposition::Statement => Standing::unknown(),
            Err(error) => return Err(error.into()),
        };
        previews.push(look(prepared, sync, sink, key, &built, &standing));
    }
    Ok(previews)
}

fn look(
    prepared: &Prepared,
    sync: &Sync,
    sink: &str,
    key: &SubjectKey,
    built: &build::Built,
    standing: &Standing,
) -> Preview {
    let accepted = standing.accepted.map(|(accepted, _)| accepted);
    let mut preview = Preview {
        sync: sync.name.clone(),
        sink: sink.to_owned(),
        key: key.as_str().to_owned(),
        sends: None,
        suppressed: None,
        error: None,
        digest: None,
        accepted_version: standing.accepted.map(|(_, version)| version),
        accepted_digest: accepted
            .and_then(|accepted| accepted.digest)
            .map(|digest| digest.to_string()),
        job: standing.job,
        request: None,
    };
    let (document, digest, compared) = match built {
        build::Built::Document(document) => {
            let compared = diff::Built::Document(document.digest);
            (document.text.clone(), document.digest, compared)
        }
        build::Built::Gone => (Arc::from(""), Digest::GONE, diff::Built::Gone),
        build::Built::Failed(reason) => {
            preview.error = Some(reason.clone());
            return preview;
        }
    };
    preview.digest = Some(digest.to_string());
    let decide = |forced| verdict(compared, sync.deletes, accepted, standing.uncertain, forced);
    match decide(standing.forced) {
        Verdict::Send(operation) => preview.sends = Some(operation.as_str()),
        Verdict::Suppress(reason) => preview.suppressed = Some(reason.as_str()),
    }
    let Verdict::Send(operation) = decide(true) else {
        return preview;
    };
    let delivery = delivery(prepared, key, operation, document, digest, standing);
    match prepared.sinks.get(sink).map(|sink| sink.preview(&delivery)) {
        Some(Ok(request)) => preview.request = Some(request),
        Some(Err(failure)) => preview.error = Some(failure.message),
        None => preview.error = Some("the sink cannot be used: see `walsift check`".to_owned()),
    }
    preview
}

fn delivery(
    prepared: &Prepared,
    key: &SubjectKey,
    operation: Operation,
    document: Arc<str>,
    digest: Digest,
    standing: &Standing,
) -> Delivery {
    let plan = &prepared.plans[0];
    Delivery {
        sync: plan.name.clone(),
        shape: plan.shape.clone(),
        key: key.clone(),
        operation,
        version: standing.version(digest),
        correlation: standing.correlation.to_string(),
        document,
        remote_id: standing.remote_id.as_deref().map(Arc::from),
        deadline: Instant::now() + DEADLINE,
    }
}
