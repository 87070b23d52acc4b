//! What every sink holds to, over every sink: each case is written once and runs against a real server of each kind.
//!
//! A new sink has a file here, with its [`Rig`] and one `conformance!` that names the cases that run and, with the reason, those
//! that cannot. A case that is in neither list does not compile into a test, and fails the test `complete`.
//!
//! [`contract`] holds a sink, made from a configuration, to what `deliver` promises. [`program`] runs all of Walsift against it.

mod contract;
mod program;

mod elastic;
mod http;
mod http_batch;
#[cfg(feature = "kafka")]
mod kafka;
mod nats;
mod redis;
mod stdout;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::world::Engine;

/// Stands in the configuration of every sink that has a place for a secret, and nowhere else.
pub const SECRET: &str = "hunter2-the-secret";

/// Columns of the key of every subject here.
pub const COLUMNS: [&str; 2] = ["area", "id"];

/// The other side: a real server, and what can be done to it. What a server has no way to do is not written; its cases are then
/// listed as not applying.
#[allow(async_fn_in_trait, reason = "none of these futures leaves its test")]
pub trait Rig: Sized {
    /// The server is up and holds nothing.
    async fn start() -> Self;

    /// The keys of the sink's table in the configuration, with [`SECRET`] where it has credentials, and without `timeout`,
    /// `retry` and `breaker`. Placeholders are [`COLUMNS`].
    fn sink(&self) -> String;

    /// Whether it takes `timeout`, `retry` and `breaker`.
    const HAS_TERMS: bool = true;

    /// The documents held at present, byte for byte: the newest of each subject, without those that are gone.
    async fn held(&self) -> BTreeSet<String>;

    /// From now on it refuses the subject of area `a` with this id for good, and takes all others.
    async fn refuse(&self, id: &str) {
        unreachable!("{} refuses nobody: {id}", std::any::type_name::<Self>())
    }

    /// From now on it takes nothing for now and says so.
    async fn be_busy(&self) {
        unreachable!("{} is never busy", std::any::type_name::<Self>())
    }

    /// The pause that it asks for while it is busy.
    const PAUSE: Option<Duration> = None;

    /// From now on it does what it is told, and its answers are lost.
    async fn lose_answers(&self) {
        unreachable!("{} always answers", std::any::type_name::<Self>())
    }

    /// From now on it takes what it is told and never answers.
    async fn hang(&self) {
        unreachable!("{} always answers", std::any::type_name::<Self>())
    }

    /// From now on it takes no document of more than so many bytes, which it returns.
    async fn limit(&self) -> usize {
        unreachable!("{} takes documents of any size", std::any::type_name::<Self>())
    }

    /// From now on the credentials of the configuration are no longer good.
    async fn lock_out(&self) {
        unreachable!("{} knows no credentials", std::any::type_name::<Self>())
    }

    /// A process of Walsift was started with this sink.
    fn follow(&self, _engine: &Engine) {}

    /// Ends all of the above.
    async fn mend(&self);

    /// As by `kill -9`: its connections are cut, and there is nobody to connect to.
    async fn down(&mut self) {
        unreachable!("{} is always there", std::any::type_name::<Self>())
    }

    /// Back, where it was, with what it had promised to keep.
    async fn up(&mut self) {
        unreachable!("{} is always there", std::any::type_name::<Self>())
    }
}

/// The tests of one sink: a test for each case that runs, and an ignored one with the reason for each that does not apply.
macro_rules! conformance {
    ($rig:ty, runs: [$($runs:ident),* $(,)?], does_not_apply: {$($case:ident: $reason:literal),* $(,)?}) => {
        $(
            #[tokio::test]
            async fn $runs() {
                $crate::conformance::cases::$runs::<$rig>().await;
            }
        )*
        $(
            #[test]
            #[ignore = $reason]
            fn $case() {
                unreachable!("it does not apply: {}", $reason);
            }
        )*

        #[test]
        fn complete() {
            $crate::conformance::assert_complete(&[$(stringify!($runs)),*], &[$(stringify!($case)),*]);
        }
    };
}
use conformance;

/// All the cases there are, by the functions of their names.
const CASES: &[&str] = &[
    // The contract.
    "delivers",
    "deletes",
    "takes_batches",
    "refuses_one_of_many",
    "is_busy",
    "loses_answers",
    "never_answers",
    "is_not_there",
    "takes_what_is_large",
    "refuses_what_is_too_large",
    "tells_awkward_keys_apart",
    "takes_the_same_version_twice",
    "keeps_the_newer_version",
    "comes_back",
    "is_locked",
    "sends_nothing_without_a_lease",
    "is_reached",
    "shows_what_it_would_send",
    // The whole program.
    "converges",
    "converges_though_the_server_dies",
    "converges_though_walsift_is_killed",
    "gives_up_what_is_refused",
];

mod cases {
    pub use super::contract::*;
    pub use super::program::*;
}

fn assert_complete(runs: &[&str], do_not_apply: &[&str]) {
    let mut named: Vec<&str> = [runs, do_not_apply].concat();
    let mut cases = CASES.to_vec();
    named.sort_unstable();
    cases.sort_unstable();
    assert_eq!(named, cases, "each case is named once");
}
