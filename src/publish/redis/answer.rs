//! What a reply means, and what it means that there is none.
//!
//! | reply | outcome |
//! | --- | --- |
//! | no error; of a version that is older than what is there, too | delivered |
//! | the document is larger than the server takes | rejected, refused, certain |
//! | `WRONGTYPE` where the version of a key is kept | rejected, refused, certain |
//! | `OOM` | retry, rate limited, certain |
//! | `LOADING`, `BUSY`, `READONLY`, `MISCONF`, `NOREPLICAS`, `MASTERDOWN`, `CLUSTERDOWN`, `TRYAGAIN`, `NOSCRIPT` | retry, server error, certain |
//! | `NOAUTH`, `WRONGPASS`, `NOPERM`, an unknown command, `WRONGTYPE` of a stream; `MOVED`, `ASK`, `CROSSSLOT` | retry, configuration, certain |
//! | anything else | retry, server error, uncertain |
//!
//! The codes are those of <https://github.com/redis/redis/blob/unstable/src/server.c> (`createSharedObjects`).

use super::wire::{Malformed, Reply};
use crate::publish::web::Secrets;
use crate::publish::{Failure, FailureClass, Outcome, Remote};

/// How a server says that it takes no argument of this size, before it closes the connection.
const TOO_LARGE: &str = "ERR Protocol error: invalid bulk length";

/// How a script is told that its user may not do what it does; the first before version 7.2.
const FORBIDDEN: [&str; 2] = ["ERR The user executing the script can't ", "ERR ACL failure in script"];

/// Why there is no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// There was no connection to send anything on.
    #[error("could not connect: {0}")]
    Unreachable(String),
    /// We cannot say who we are.
    #[error("{0}")]
    Unfit(String),
    /// What the server said instead of letting us in.
    #[error("{0}")]
    Refused(String),
    #[error("the connection broke: {0}")]
    Broken(String),
}

/// Where a document has its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Key,
    Stream,
}

pub(super) fn outcome(reply: &Reply, kind: Kind, secrets: &Secrets) -> Outcome {
    match reply {
        Reply::Error(words) => refusal(words, kind, secrets),
        Reply::Text(_) | Reply::Number(_) => Outcome::Delivered {
            status: None,
            remote: Remote::Same,
        },
        Reply::Nothing | Reply::List(_) => again(Failure::uncertain(FailureClass::ServerError, "an empty answer")),
    }
}

/// Whether the server has closed the connection over the size of what it was sent, and has not looked at what came after it.
pub(super) fn is_too_large(reply: &Reply) -> bool {
    matches!(reply, Reply::Error(words) if words.starts_with(TOO_LARGE))
}

/// Whether the server has forgotten our script.
pub(super) fn is_forgotten(reply: &Reply) -> bool {
    matches!(reply, Reply::Error(words) if words.starts_with("NOSCRIPT "))
}

fn refusal(words: &str, kind: Kind, secrets: &Secrets) -> Outcome {
    use FailureClass as C;
    let message = secrets.excerpt(without_script(words), false);
    if words.starts_with(TOO_LARGE) {
        let failure = Failure::certain(
            C::Refused,
            format!("the document is too large for the server: {message}"),
        );
        return Outcome::Rejected { failure };
    }
    let class = match words.split(' ').next().unwrap_or_default() {
        "OOM" => C::RateLimited,
        "LOADING" | "BUSY" | "READONLY" | "MISCONF" | "NOREPLICAS" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN"
        | "NOSCRIPT" => C::ServerError,
        "WRONGTYPE" if kind == Kind::Key => {
            let failure = Failure::certain(
                C::Refused,
                format!("somebody else uses the key of the version: {message}"),
            );
            return Outcome::Rejected { failure };
        }
        "NOAUTH" | "WRONGPASS" | "NOPERM" | "DENIED" | "WRONGTYPE" => C::Configuration,
        "MOVED" | "ASK" | "CROSSSLOT" => {
            let message = format!("this is a Redis Cluster, which is not supported: {message}");
            return again(Failure::certain(C::Configuration, message));
        }
        "ERR" if words.starts_with("ERR unknown command") || words.starts_with("ERR DB index") => C::Configuration,
        "ERR" if words.starts_with("ERR AUTH") || words.starts_with("ERR invalid password") => C::Configuration,
        "ERR" if FORBIDDEN.iter().any(|begin| words.starts_with(begin)) => C::Configuration,
        _ => return again(Failure::uncertain(C::ServerError, message)),
    };
    again(Failure::certain(class, message))
}

/// Errors of commands within a script end with where it was: ` script: …, on @user_script:14.`
fn without_script(words: &str) -> &str {
    match words.rsplit_once(" script: ") {
        Some((said, place)) if place.contains(", on @user_script") => said,
        _ => words,
    }
}

/// Of all that were not answered before `trouble`.
pub(super) fn unanswered(trouble: &Trouble, kind: Kind, secrets: &Secrets) -> Outcome {
    let message = secrets.excerpt(&trouble.to_string(), false);
    match trouble {
        Trouble::Unreachable(_) => again(Failure::certain(FailureClass::Connection, message)),
        Trouble::Unfit(_) => again(Failure::certain(FailureClass::Configuration, message)),
        // Nothing was sent yet but words about ourselves.
        Trouble::Refused(words) => match refusal(words, kind, secrets) {
            Outcome::Retry { failure, after } => Outcome::Retry {
                failure: Failure {
                    certain: true,
                    ..failure
                },
                after,
            },
            _ => again(Failure::certain(FailureClass::Configuration, message)),
        },
        Trouble::Broken(_) => again(Failure::uncertain(FailureClass::Connection, message)),
    }
}

fn again(failure: Failure) -> Outcome {
    Outcome::Retry { failure, after: None }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<Malformed> for Trouble {
    fn from(malformed: Malformed) -> Self {
        Self::Broken(malformed.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What matters of an outcome, in a line.
    fn line(outcome: &Outcome) -> String {
        let (what, failure) = match outcome {
            Outcome::Delivered { .. } => return "delivered".to_owned(),
            Outcome::NotTried => return "not tried".to_owned(),
            Outcome::Retry { failure, .. } => ("retry", failure),
            Outcome::Rejected { failure } => ("rejected", failure),
        };
        let certain = if failure.certain { "certain" } else { "uncertain" };
        format!("{what} {} {certain}: {}", failure.class.as_str(), failure.message)
    }

    #[test]
    fn each_reply_has_its_meaning() {
        let secrets = Secrets::default().with("hunter2");
        let told = |reply: &Reply, kind| line(&outcome(reply, kind, &secrets));
        for reply in [Reply::Number(0), Reply::Number(1), Reply::Text("1-0".to_owned())] {
            assert_eq!(told(&reply, Kind::Key), "delivered");
        }
        #[rustfmt::skip]
        let cases = [
            ("OOM command not allowed when used memory > 'maxmemory'. script: f, on @user_script:14.",
             "retry rate_limited certain: OOM command not allowed when used memory > 'maxmemory'."),
            ("LOADING Redis is loading the dataset in memory", "retry server_error certain: LOADING Redis is loading the dataset in memory"),
            ("READONLY You can't write against a read only replica.", "retry server_error certain: READONLY You can't write against a read only replica."),
            ("MISCONF Redis is configured to save RDB snapshots", "retry server_error certain: MISCONF Redis is configured to save RDB snapshots"),
            ("NOAUTH Authentication required.", "retry configuration certain: NOAUTH Authentication required."),
            ("NOPERM no hunter2", "retry configuration certain: NOPERM no ***"),
            ("ERR unknown command 'EVALSHA', with args beginning with:", "retry configuration certain: ERR unknown command 'EVALSHA', with args beginning with:"),
            ("MOVED 3999 127.0.0.1:6381", "retry configuration certain: this is a Redis Cluster, which is not supported: MOVED 3999 127.0.0.1:6381"),
            ("ERR Protocol error: invalid bulk length", "rejected refused certain: the document is too large for the server: ERR Protocol error: invalid bulk length"),
            ("ERR The user executing the script can't run this command or subcommand script: f, on @user_script:8.",
             "retry configuration certain: ERR The user executing the script can't run this command or subcommand"),
            ("ERR ACL failure in script: User walsift has no permissions to run the 'get' command script: f, on @user_script:8.",
             "retry configuration certain: ERR ACL failure in script: User walsift has no permissions to run the 'get' command"),
            ("NOSCRIPT No matching script.", "retry server_error certain: NOSCRIPT No matching script."),
            ("ERR something new", "retry server_error uncertain: ERR something new"),
        ];
        for (words, expected) in cases {
            for kind in [Kind::Key, Kind::Stream] {
                assert_eq!(told(&Reply::Error(words.to_owned()), kind), expected);
            }
        }
        let wrong = Reply::Error("WRONGTYPE Operation against a key".to_owned());
        assert!(told(&wrong, Kind::Key).starts_with("rejected refused certain"));
        assert!(told(&wrong, Kind::Stream).starts_with("retry configuration certain"));
        assert!(told(&Reply::Nothing, Kind::Key).starts_with("retry server_error uncertain"));
    }

    #[test]
    fn without_a_reply_only_what_was_never_sent_is_certain() {
        let words = || "why".to_owned();
        let cases = [
            (
                Trouble::Unreachable(words()),
                "retry connection certain: could not connect: why",
            ),
            (Trouble::Unfit(words()), "retry configuration certain: why"),
            (
                Trouble::Refused("WRONGPASS invalid".to_owned()),
                "retry configuration certain: WRONGPASS invalid",
            ),
            (
                Trouble::Refused("LOADING soon".to_owned()),
                "retry server_error certain: LOADING soon",
            ),
            (
                Trouble::Refused("ERR new".to_owned()),
                "retry server_error certain: ERR new",
            ),
            (
                Trouble::Broken(words()),
                "retry connection uncertain: the connection broke: why",
            ),
        ];
        for (trouble, expected) in cases {
            assert_eq!(line(&unanswered(&trouble, Kind::Key, &Secrets::default())), expected);
        }
    }
}
