//! A delivery as a command.

use std::fmt::Write as _;
use std::time::Duration;

use super::answer::Kind;
use super::wire::{self, Command};
use crate::config::RedisPlace;
use crate::diff::Operation;
use crate::publish::marks::marks;
use crate::publish::name::Name;
use crate::publish::{Delivery, Failure, FailureClass};

/// For how long the version of a document is known that is gone. No delivery comes later than that.
const VERSION_KEPT: Duration = Duration::from_hours(1);

/// How commands are made.
#[derive(Debug)]
pub(super) enum Commands {
    /// Arguments of the script.
    Key {
        key: Name,
        expire: Option<Duration>,
    },
    Stream {
        stream: Name,
        max_len: Option<u64>,
    },
}

impl Commands {
    /// Says why not.
    pub fn new(place: &RedisPlace) -> Result<Self, String> {
        Ok(match place {
            RedisPlace::Key { key, expire } => Self::Key {
                key: Name::parse(key)?,
                expire: *expire,
            },
            RedisPlace::Stream { stream, max_len } => Self::Stream {
                stream: Name::parse(stream)?,
                max_len: *max_len,
            },
        })
    }

    pub fn kind(&self) -> Kind {
        match self {
            Self::Key { .. } => Kind::Key,
            Self::Stream { .. } => Kind::Stream,
        }
    }

    pub fn placeholders(&self) -> Vec<&str> {
        let (Self::Key { key: name, .. } | Self::Stream { stream: name, .. }) = self;
        name.placeholders().collect()
    }

    /// The key of a subject; or why there is none.
    pub fn key(&self, delivery: &Delivery) -> Result<String, String> {
        let Self::Key { key, .. } = self else {
            return Err("a stream has no keys".to_owned());
        };
        let key = key.fill_apart(delivery)?;
        if key.starts_with(RedisPlace::VERSIONS) {
            return Err(format!("`{key}` is where a version would be kept"));
        }
        Ok(key)
    }

    /// Of a key, what follows the name of the script; of a stream the whole command. Or why there can be none for this delivery.
    pub fn command(&self, delivery: &Delivery) -> Result<Command, Failure> {
        let unfit = |reason: String| Failure::certain(FailureClass::Configuration, reason);
        match self {
            Self::Key { expire, .. } => Ok(put(&self.key(delivery).map_err(unfit)?, *expire, delivery)),
            Self::Stream { stream, max_len } => {
                let stream = stream.fill_apart(delivery).map_err(unfit)?;
                Ok(append(&stream, *max_len, delivery))
            }
        }
    }

    /// The command as people read it, an argument or a field a line.
    pub fn preview(&self, delivery: &Delivery) -> Result<String, Failure> {
        let command = self.command(delivery)?;
        let mut words = command.iter().map(|part| String::from_utf8_lossy(part).into_owned());
        let mut text = match self {
            Self::Key { .. } => {
                let names = [
                    "number of keys",
                    "key",
                    "key of its version",
                    "version",
                    "what",
                    "document",
                    "expires (ms)",
                ];
                let lines = names
                    .iter()
                    .zip(&mut words)
                    .map(|(name, word)| format!("  {name}: {word}"));
                let lines: Vec<String> = lines.collect();
                format!("EVALSHA put.lua\n{}", lines.join("\n"))
            }
            Self::Stream { .. } => {
                let head: Vec<String> = words.by_ref().take_while(|word| word != "*").collect();
                let mut text = format!("{} *", head.join(" "));
                while let (Some(name), Some(value)) = (words.next(), words.next()) {
                    let _ = write!(text, "\n  {name}: {value}");
                }
                text
            }
        };
        text.push('\n');
        Ok(text)
    }
}

/// Arguments of `put.lua`.
fn put(key: &str, expire: Option<Duration>, delivery: &Delivery) -> Command {
    let what = match delivery.operation {
        Operation::Upsert => "set",
        Operation::Delete => "delete",
    };
    let expires = expire.unwrap_or_default();
    wire::command([
        "2",
        key,
        &format!("{}{key}", RedisPlace::VERSIONS),
        &delivery.version.to_string(),
        what,
        &delivery.document,
        &expires.as_millis().to_string(),
        &(expires + VERSION_KEPT).as_millis().to_string(),
    ])
}

fn append(stream: &str, max_len: Option<u64>, delivery: &Delivery) -> Command {
    let mut command = wire::command(["XADD", stream]);
    if let Some(most) = max_len {
        command.extend(wire::command(["MAXLEN", "~", &most.to_string()]));
    }
    command.extend(wire::command(["*"]));
    for (name, mark) in marks(delivery, fastrand::u64(..)) {
        command.extend(wire::command([name, &mark]));
    }
    if delivery.operation == Operation::Upsert {
        command.extend(wire::command(["document", &delivery.document]));
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::peer::delivery;

    fn words(place: &RedisPlace, delivery: &Delivery) -> Vec<String> {
        let command = Commands::new(place).unwrap().command(delivery).unwrap();
        command
            .into_iter()
            .map(|part| String::from_utf8(part).unwrap())
            .collect()
    }

    #[test]
    fn a_document_is_put_under_its_key_with_its_version() {
        let place = |key: &str, expire| RedisPlace::Key {
            key: key.to_owned(),
            expire,
        };
        let found = words(&place("order:{id}", None), &delivery(&[("id", "a:b")], "{}"));
        assert_eq!(
            found,
            ["2", "order:a:b", "walsift:order:a:b", "7", "set", "{}", "0", "3600000"]
        );
        let expire = Some(Duration::from_mins(1));
        let found = words(&place("order:{id}", expire), &delivery(&[("id", "{x}4")], ""));
        assert_eq!(found[1..3], ["order:{x}4", "walsift:order:{x}4"]);
        assert_eq!(found[3..], ["7", "delete", "", "60000", "3660000"]);
    }

    #[test]
    fn two_subjects_never_have_one_key() {
        let place = RedisPlace::Key {
            key: "{a}:{b}".to_owned(),
            expire: None,
        };
        let key = |a, b| words(&place, &delivery(&[("a", a), ("b", b)], "{}")).swap_remove(1);
        assert_eq!(key("x", "y"), "x:y");
        assert_ne!(key("x:y", "z"), key("x", "y:z"));
        assert_ne!(key("x%3Ay", "z"), key("x:y", "z"));
    }

    #[test]
    fn a_document_never_takes_the_place_of_a_version() {
        let commands = Commands::new(&RedisPlace::Key {
            key: "{id}".to_owned(),
            expire: None,
        });
        let failure = commands.unwrap().command(&delivery(&[("id", "walsift:x")], "{}"));
        let words = "`walsift:x` is where a version would be kept";
        assert_eq!(failure.unwrap_err().message, words);
    }

    #[test]
    fn the_versions_of_two_keys_are_never_kept_in_one_place() {
        let place = RedisPlace::Key {
            key: "{id}".to_owned(),
            expire: None,
        };
        let version = |id| words(&place, &delivery(&[("id", id)], "{}")).swap_remove(2);
        assert_ne!(version("x"), version("{x}"));
    }

    #[test]
    fn an_entry_of_a_stream_says_what_it_is() {
        let place = RedisPlace::Stream {
            stream: "orders".to_owned(),
            max_len: Some(1000),
        };
        let found = words(&place, &delivery(&[("id", "42")], "{\"a\": 1}"));
        assert_eq!(found[..6], ["XADD", "orders", "MAXLEN", "~", "1000", "*"]);
        let field = |name: &str| {
            found
                .iter()
                .position(|word| word == name)
                .map(|at| found[at + 1].as_str())
        };
        assert_eq!(field("walsift-key"), Some("42"));
        assert_eq!(field("walsift-operation"), Some("upsert"));
        assert_eq!(field("walsift-version"), Some("7"));
        assert_eq!(field("document"), Some("{\"a\": 1}"));
        let gone = words(&place, &delivery(&[("id", "42")], ""));
        assert!(!gone.contains(&"document".to_owned()));
    }
}
