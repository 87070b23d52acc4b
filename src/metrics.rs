//! Every metric there is, with its unit and what it means.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// By `kind`: insert, update, delete, truncate.
pub const CHANGES_DECODED: &str = "walsift_changes_decoded_total";
pub const TRANSACTIONS_DECODED: &str = "walsift_transactions_decoded_total";
/// By `sync`.
pub const SUBJECTS_BUILT: &str = "walsift_subjects_built_total";
/// By `sync`, `sink`, `operation`.
pub const PUBLISHED: &str = "walsift_published_total";
/// By `sync`, `reason`.
pub const SUPPRESSED: &str = "walsift_suppressed_total";
/// By `sync`.
pub const MESSAGES_MALFORMED: &str = "walsift_messages_malformed_total";
/// By `sync`, `sink`, `class`.
pub const ATTEMPTS_FAILED: &str = "walsift_attempts_failed_total";
/// By `sync`, `sink`.
pub const COMMIT_TO_PUBLISH: &str = "walsift_commit_to_publish_seconds";
/// By `sync`, `sink`, `state`.
pub const JOBS: &str = "walsift_jobs";
/// By `sync`, `sink`.
pub const OLDEST_JOB: &str = "walsift_oldest_job_seconds";
pub const VISITS: &str = "walsift_visits";
/// By `sync`, `sink`.
pub const BACKFILLS: &str = "walsift_backfills";
pub const BACKFILL_VISITED: &str = "walsift_backfill_visited_subjects";
pub const BACKFILL_ESTIMATED: &str = "walsift_backfill_estimated_subjects";
pub const SLOT_LAG: &str = "walsift_slot_lag_bytes";
pub const SLOT_KEPT: &str = "walsift_slot_kept_bytes";
pub const SLOT_LAG_SECONDS: &str = "walsift_slot_lag_seconds";
pub const SLOT_SAFE: &str = "walsift_slot_safe_bytes";
pub const SLOT_SECONDS_LEFT: &str = "walsift_slot_seconds_left";
/// By `standing`.
pub const SLOT_STANDING: &str = "walsift_slot_standing";
pub const READING: &str = "walsift_reading";
pub const READING_REPLICA: &str = "walsift_reading_replica";
/// By `sync`, `sink`.
pub const PAUSED: &str = "walsift_paused";
/// By `sync`.
pub const SYNC_PAUSED: &str = "walsift_sync_paused";

/// By `sink`.
pub const SINK_OPEN: &str = "walsift_sink_open";
pub const SINK_CONCURRENCY: &str = "walsift_sink_concurrency";

/// Seconds; a quiet system answers within milliseconds, one with a dead sink within hours.
const LATENCY_BUCKETS: [f64; 16] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 600.0, 3600.0,
];

/// Makes the process record metrics. Only the first call of a process has an effect.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(COMMIT_TO_PUBLISH.to_owned()), &LATENCY_BUCKETS)?
        .build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_ok() {
        describe();
    }
    Ok(handle)
}

fn describe() {
    describe_counter!(CHANGES_DECODED, Unit::Count, "Row changes read from the stream");
    describe_counter!(TRANSACTIONS_DECODED, Unit::Count, "Transactions read from the stream");
    describe_counter!(
        SUBJECTS_BUILT,
        Unit::Count,
        "Subjects whose document was asked of the source"
    );
    describe_counter!(PUBLISHED, Unit::Count, "Deliveries that a sink accepted");
    describe_counter!(SUPPRESSED, Unit::Count, "What was not sent, by reason");
    describe_counter!(
        MESSAGES_MALFORMED,
        Unit::Count,
        "Logical messages that should name subjects and do not"
    );
    describe_counter!(
        ATTEMPTS_FAILED,
        Unit::Count,
        "Deliveries that failed, by class of failure"
    );
    describe_histogram!(
        COMMIT_TO_PUBLISH,
        Unit::Seconds,
        "From the commit of the oldest change in a delivery to its acceptance"
    );
    describe_gauge!(
        JOBS,
        Unit::Count,
        "Jobs by state; failed and dead ones wait for a person"
    );
    describe_gauge!(OLDEST_JOB, Unit::Seconds, "Age of the oldest active job");
    describe_gauge!(VISITS, Unit::Count, "Visits of many subjects that are not finished");
    describe_gauge!(BACKFILLS, Unit::Count, "Backfills that are not finished");
    describe_gauge!(
        BACKFILL_VISITED,
        Unit::Count,
        "Subjects that unfinished backfills have visited"
    );
    describe_gauge!(
        BACKFILL_ESTIMATED,
        Unit::Count,
        "About how many subjects unfinished backfills have in all"
    );
    describe_gauge!(SLOT_LAG, Unit::Bytes, "WAL written since what was confirmed");
    describe_gauge!(SLOT_KEPT, Unit::Bytes, "WAL that the server keeps for the slot");
    describe_gauge!(
        SLOT_LAG_SECONDS,
        Unit::Seconds,
        "How long ago was written what the slot was read up to; 0 while no more than a mebibyte waits"
    );
    describe_gauge!(
        SLOT_SAFE,
        Unit::Bytes,
        "WAL that can still be written before the slot is in danger"
    );
    describe_gauge!(
        SLOT_SECONDS_LEFT,
        Unit::Seconds,
        "Estimate of the time until the slot is lost at the present rate"
    );
    describe_gauge!(
        SLOT_STANDING,
        Unit::Count,
        "1 for how the slot stands: safe, endangered or lost; 0 for the others"
    );
    describe_gauge!(
        READING,
        Unit::Count,
        "1 if this process reads the slot, 0 if it stands by"
    );
    describe_gauge!(
        READING_REPLICA,
        Unit::Count,
        "1 if documents are built on the replica, 0 if it is away or late"
    );
    describe_gauge!(
        PAUSED,
        Unit::Count,
        "1 while the sync or the sink is paused by hand, 0 otherwise"
    );
    describe_gauge!(
        SYNC_PAUSED,
        Unit::Count,
        "1 if the sync cannot work with the tables as they are, 0 if it works"
    );
    describe_gauge!(
        SINK_OPEN,
        Unit::Count,
        "1 while the sink is left alone because request after request fails, 0 otherwise"
    );
    describe_gauge!(
        SINK_CONCURRENCY,
        Unit::Count,
        "Requests that may be under way to the sink at the same time, by what it bore of late"
    );
}
