//! Reads documents back, and goes through the keys.
//!
//! <https://redis.io/docs/latest/commands/scan/>: what is there all the time is found, perhaps twice.

use std::time::Instant;

use tokio::time::timeout_at;

use super::command::Commands;
use super::sink::RedisSink;
use super::wire::{self, Command, Reply};
use crate::config::RedisPlace;
use crate::plan::KeyShape;
use crate::publish::name::Name;
use crate::publish::{Delivery, Held, Outcome, Readable, ScanPlace, Scanned, Unread};

/// Keys that are asked for before the first is answered.
const PIECE: usize = 100;

/// Where a scan begins and where it has ended.
const ENDS: &str = "0";

/// What separates a pattern from its letters.
const SPECIAL: [char; 6] = ['*', '?', '[', ']', '^', '\\'];

impl RedisSink {
    pub fn readable(&self) -> Result<Readable, &'static str> {
        match &self.commands {
            Commands::Stream { .. } => Err("a stream keeps messages, not the document of a subject"),
            Commands::Key { expire, .. } => Ok(Readable {
                compares: true,
                forgets: expire.is_some(),
                scans: true,
            }),
        }
    }

    pub async fn read(&self, subjects: &[Delivery]) -> Result<Vec<Held>, Unread> {
        let mut held = vec![Held::Nothing; subjects.len()];
        let mut commands = Vec::new();
        for (at, subject) in subjects.iter().enumerate() {
            match self.commands.key(subject) {
                Ok(key) => commands.push((at, wire::command(["GET", &key]))),
                Err(reason) => held[at] = Held::Unreadable(reason),
            }
        }
        for piece in commands.chunks(PIECE) {
            let asked: Vec<&Command> = piece.iter().map(|(_, command)| command).collect();
            for ((at, _), reply) in piece.iter().zip(self.replies(&asked).await?) {
                held[*at] = self.held(reply)?;
            }
        }
        Ok(held)
    }

    pub async fn scan(&self, shape: &KeyShape, from: Option<&ScanPlace>, most: usize) -> Result<Scanned, Unread> {
        let Commands::Key { key: name, .. } = &self.commands else {
            return Err(Unread::lasting("a stream has no keys"));
        };
        let from = from.map_or(ENDS, |place| &place.0);
        let command = wire::command(["SCAN", from, "MATCH", &pattern(name), "COUNT", &most.to_string()]);
        let reply = self.replies(&[&command]).await?.pop();
        let Some((next, keys)) = reply.as_ref().and_then(page) else {
            return Err(self.refused(&reply.unwrap_or(Reply::Nothing)));
        };
        let ours = keys.into_iter().filter(|key| !key.starts_with(RedisPlace::VERSIONS));
        let named: Vec<Option<_>> = ours.map(|key| name.subject(key, shape)).collect();
        Ok(Scanned {
            strangers: named.iter().filter(|subject| subject.is_none()).count(),
            subjects: named.into_iter().flatten().collect(),
            next: (next != ENDS).then(|| ScanPlace(next.to_owned())),
        })
    }

    fn held(&self, reply: Reply) -> Result<Held, Unread> {
        match reply {
            Reply::Text(document) => Ok(Held::Document(document.into())),
            Reply::Nothing => Ok(Held::Nothing),
            Reply::Error(words) if words.starts_with("WRONGTYPE ") => {
                Ok(Held::Unreadable("under the key there is no string".to_owned()))
            }
            other => Err(self.refused(&other)),
        }
    }

    async fn replies(&self, commands: &[&Command]) -> Result<Vec<Reply>, Unread> {
        let until = Instant::now() + self.terms.timeout;
        let connected = self.connection(until).await;
        let mut connection = connected.map_err(|trouble| Unread::unanswered(self.unanswered(&trouble)))?;
        let mut replies = vec![None; commands.len()];
        match timeout_at(until.into(), connection.plain(commands, &mut replies)).await {
            Ok(Ok(())) => self.keep(connection),
            Ok(Err(trouble)) => return Err(Unread::unanswered(self.unanswered(&trouble))),
            Err(_) => return Err(Unread::passing(format!("no reply within {:?}", self.terms.timeout))),
        }
        Ok(replies.into_iter().flatten().collect())
    }

    fn refused(&self, reply: &Reply) -> Unread {
        match self.answered(reply) {
            Outcome::Delivered { .. } => Unread::passing("the reply is another one than was asked for"),
            outcome => Unread::unanswered(outcome),
        }
    }
}

/// Where a scan goes on, and keys.
fn page(reply: &Reply) -> Option<(&str, Vec<&str>)> {
    let Reply::List(parts) = reply else { return None };
    match parts.as_slice() {
        [Reply::Text(next), Reply::List(keys)] => Some((next, keys.iter().filter_map(text).collect())),
        _ => None,
    }
}

fn text(reply: &Reply) -> Option<&str> {
    match reply {
        Reply::Text(text) => Some(text),
        _ => None,
    }
}

/// What all keys of subjects match: <https://redis.io/docs/latest/commands/keys/>
fn pattern(name: &Name) -> String {
    let (begin, end) = name.ends();
    format!("{}*{}", plain(begin), plain(end))
}

fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if SPECIAL.contains(&c) {
            plain.push('\\');
        }
        plain.push(c);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_match_their_pattern_to_the_letter() {
        let pattern = |template: &str| pattern(&Name::parse(template).unwrap());
        assert_eq!(pattern("order:{id}"), "order:*");
        assert_eq!(pattern("{shop}:{id}"), "*");
        assert_eq!(pattern("[a]*{id}\\?.json"), "\\[a\\]\\**\\\\\\?.json");
    }
}
