//! The ids by which sinks know their subjects, on record.

use std::time::Duration;

use walsift::build::Digest;
use walsift::publish::Remote;
use walsift::queue::Job;
use walsift::record::Ending;

use super::desk::Desk;

fn digest() -> Digest {
    Digest::from_bytes([7; 16])
}

fn accepted(job: &Job) -> Ending {
    Ending::Accepted {
        document: Some(digest()),
        packed: None,
        version: job.version,
        keep: false,
    }
}

fn deleted(job: &Job) -> Ending {
    Ending::Accepted {
        document: None,
        packed: None,
        version: job.version,
        keep: false,
    }
}

fn retry(certain: bool) -> Ending {
    Ending::Retry {
        after: Duration::ZERO,
        certain,
        sent: None,
        spared: false,
    }
}

fn is(id: &str) -> Remote {
    Remote::Is(id.to_owned())
}

/// A subject that was created at the sink under the id `r1`.
async fn created() -> Desk {
    let desk = Desk::new().await;
    let job = desk.claim("42").await;
    assert_eq!((job.accepted, job.remote_id.as_deref()), (None, None));
    desk.settle(&job, accepted(&job), is("r1")).await;
    desk
}

/// What the next delivery of the subject knows: what the sink holds, and the id.
async fn known(desk: &Desk) -> String {
    let job = desk.claim("42").await;
    let after = Duration::ZERO;
    desk.settle(&job, Ending::Released { after }, Remote::Same).await;
    let holds = match job.accepted {
        None => "nothing",
        Some(None) => "void",
        Some(Some(held)) if held == Digest::GONE.to_bytes() => "a delete",
        Some(Some(_)) => "a document",
    };
    format!("{holds}, {}", job.remote_id.as_deref().unwrap_or("no id"))
}

#[tokio::test]
async fn an_id_that_the_sink_gave_comes_with_the_next_delivery_and_stays() {
    let desk = created().await;
    assert_eq!(known(&desk).await, "a document, r1");
    let job = desk.claim("42").await;
    desk.settle(&job, accepted(&job), Remote::Same).await;
    assert_eq!(known(&desk).await, "a document, r1");
    let job = desk.claim("42").await;
    desk.settle(&job, accepted(&job), is("r2")).await;
    assert_eq!(known(&desk).await, "a document, r2");
    let job = desk.claim("42").await;
    desk.settle(&job, accepted(&job), Remote::Lost).await;
    assert_eq!(known(&desk).await, "a document, no id");
}

#[tokio::test]
async fn an_accepted_delete_drops_the_id() {
    let mut desk = created().await;
    let job = desk.claim("42").await;
    desk.settle(&job, deleted(&job), Remote::Same).await;
    assert_eq!(known(&desk).await, "nothing, no id");

    // Where deliveries must be some time apart the delete itself stays on record.
    desk.pace.min_interval = Duration::from_millis(1);
    let job = desk.claim("42").await;
    desk.settle(&job, accepted(&job), is("r2")).await;
    let job = desk.claim("42").await;
    desk.settle(&job, deleted(&job), Remote::Same).await;
    assert_eq!(known(&desk).await, "a delete, no id");
}

/// Whatever failed: an id that is not known any more, or another than was thought, voids the digest.
#[tokio::test]
async fn news_of_an_id_counts_although_the_delivery_failed() {
    let over = |dead| Ending::Over { dead, certain: true };
    for (ending, remote, wanted) in [
        (retry(true), Remote::Same, "a document, r1"),
        (retry(false), Remote::Same, "void, r1"),
        (retry(true), is("r2"), "void, r2"),
        (retry(true), Remote::Lost, "void, no id"),
        (over(true), is("r2"), "void, r2"),
        (over(false), Remote::Lost, "void, no id"),
        (over(false), Remote::Same, "a document, r1"),
    ] {
        let desk = created().await;
        let job = desk.claim("42").await;
        desk.settle(&job, ending.clone(), remote.clone()).await;
        assert_eq!(known(&desk).await, wanted, "{ending:?}, {remote:?}");
    }
}

#[tokio::test]
async fn a_failed_create_may_leave_an_id_behind() {
    let desk = Desk::new().await;
    let job = desk.claim("42").await;
    desk.settle(&job, retry(true), is("r1")).await;
    assert_eq!(known(&desk).await, "void, r1");
}

/// The answer with the id never came: whoever tries again knows that something may be there, but not its name.
#[tokio::test]
async fn g4_an_uncertain_create_leaves_no_id_and_a_void_digest() {
    let desk = Desk::new().await;
    let job = desk.claim("42").await;
    desk.settle(&job, retry(false), Remote::Same).await;
    assert_eq!(known(&desk).await, "void, no id");
}

#[tokio::test]
async fn g4_a_crash_keeps_the_id_and_is_uncertain() {
    let mut desk = created().await;
    desk.claim("42").await;
    desk.crash().await;
    let job = desk.claim("42").await;
    assert_eq!((job.uncertain, job.remote_id.as_deref()), (true, Some("r1")));
    // Certainly refused, which says nothing of what the process before has sent.
    desk.settle(&job, retry(true), Remote::Same).await;
    assert_eq!(known(&desk).await, "void, r1");
}
