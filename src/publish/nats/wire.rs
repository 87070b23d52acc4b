//! The protocol: what a server says, and how we say what we have to say.
//!
//! <https://docs.nats.io/reference/reference-protocols/nats-protocol>

use std::str;

use bytes::{Buf, Bytes, BytesMut};
use serde::Deserialize;

/// Most bytes of a line, such as a server's word about itself and its whole cluster.
const LINE_BYTES_MAX: usize = 1 << 20;

/// Most bytes of a message that is for us: an answer.
const ANSWER_BYTES_MAX: usize = 1 << 20;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Info(Box<Info>),
    Ping,
    Pong,
    Ok,
    /// What is wrong, without its quotes.
    Error(String),
    Message {
        subject: String,
        /// Only that of a message from the server itself.
        status: Option<u16>,
        payload: Bytes,
    },
}

/// A server about itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are the members of an object that others have made"
)]
pub(super) struct Info {
    pub version: String,
    /// Most bytes of a message, its headers included.
    pub max_payload: usize,
    pub headers: bool,
    pub tls_required: bool,
    pub tls_available: bool,
    /// To be signed, by those who show who they are with a key.
    pub nonce: String,
    /// Whether it is about to leave.
    #[serde(rename = "ldm")]
    pub leaves: bool,
}

/// Nothing that a server of this protocol says.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("what the server says is not the protocol of NATS")]
pub(super) struct Malformed;

/// Takes what was said from the front of what was read. `None`: the rest of it has not come yet.
pub(super) fn take(read: &mut BytesMut) -> Result<Option<Said>, Malformed> {
    let Some(end) = read.windows(2).position(|pair| pair == b"\r\n") else {
        return if read.len() > LINE_BYTES_MAX {
            Err(Malformed)
        } else {
            Ok(None)
        };
    };
    let line = str::from_utf8(&read[..end]).map_err(|_| Malformed)?;
    let (verb, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let said = match verb.to_ascii_uppercase().as_str() {
        "PING" => Said::Ping,
        "PONG" => Said::Pong,
        "+OK" => Said::Ok,
        "-ERR" => Said::Error(rest.trim().trim_matches('\'').to_owned()),
        "INFO" => Said::Info(serde_json::from_str(rest).map_err(|_| Malformed)?),
        "MSG" | "HMSG" => {
            let announced = Announced::parse(verb, rest).ok_or(Malformed)?;
            return announced.take(end + 2, read);
        }
        _ => return Err(Malformed),
    };
    read.advance(end + 2);
    Ok(Some(said))
}

/// A message by the line that comes before it.
struct Announced {
    subject: String,
    headers_bytes: usize,
    bytes: usize,
}

impl Announced {
    /// `subject sid [reply] [headers] all`, in bytes.
    fn parse(verb: &str, rest: &str) -> Option<Self> {
        let mut words: Vec<&str> = rest.split_ascii_whitespace().collect();
        let bytes = words.pop()?.parse().ok().filter(|bytes| *bytes <= ANSWER_BYTES_MAX)?;
        let headers_bytes = if verb.eq_ignore_ascii_case("HMSG") {
            words.pop()?.parse().ok().filter(|headers| *headers <= bytes)?
        } else {
            0
        };
        let subject = (*words.first()?).to_owned();
        (words.len() == 2 || words.len() == 3).then_some(Self {
            subject,
            headers_bytes,
            bytes,
        })
    }

    fn take(self, line_bytes: usize, read: &mut BytesMut) -> Result<Option<Said>, Malformed> {
        if read.len() < line_bytes + self.bytes + 2 {
            return Ok(None);
        }
        read.advance(line_bytes);
        let headers = read.split_to(self.headers_bytes);
        let payload = read.split_to(self.bytes - self.headers_bytes).freeze();
        if &read.split_to(2)[..] != b"\r\n" {
            return Err(Malformed);
        }
        Ok(Some(Said::Message {
            subject: self.subject,
            status: status(&headers),
            payload,
        }))
    }
}

/// `NATS/1.0 503`, and maybe a word on it.
fn status(headers: &[u8]) -> Option<u16> {
    let first = headers.split(|byte| *byte == b'\r').next()?;
    let words = str::from_utf8(first).ok()?.strip_prefix("NATS/1.0")?;
    words.split_ascii_whitespace().next()?.parse().ok()
}

/// The line before a message with headers.
pub(super) fn announcement(subject: &str, reply: &str, headers_bytes: usize, bytes: usize) -> String {
    format!("HPUB {subject} {reply} {headers_bytes} {bytes}\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8]) -> Result<Vec<Said>, Malformed> {
        let mut read = BytesMut::from(text);
        let mut all = Vec::new();
        while let Some(said) = take(&mut read)? {
            all.push(said);
        }
        Ok(all)
    }

    fn message(subject: &str, status: Option<u16>, payload: &str) -> Said {
        Said::Message {
            subject: subject.to_owned(),
            status,
            payload: payload.to_owned().into(),
        }
    }

    #[test]
    fn what_a_server_says_is_understood_however_it_is_cut() {
        let text = b"INFO {\"version\":\"2.9.10\",\"max_payload\":64,\"nonce\":\"abc\",\"ldm\":true,\"port\":4222} \r\n\
            PING\r\nPONG\r\n+OK\r\n-ERR 'Authorization Violation'\r\nping\r\n\
            MSG _INBOX.a.1 1 4\r\n{\r\n}\r\nMSG _INBOX.a.1 1 reply 0\r\n\r\n\
            HMSG _INBOX.a.2 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\nHMSG _INBOX.a.3 1 21 23\r\nNATS/1.0\r\nName: x\r\n\r\n{}\r\n";
        let info = Info {
            version: "2.9.10".to_owned(),
            max_payload: 64,
            nonce: "abc".to_owned(),
            leaves: true,
            ..Info::default()
        };
        let expected = [
            Said::Info(Box::new(info)),
            Said::Ping,
            Said::Pong,
            Said::Ok,
            Said::Error("Authorization Violation".to_owned()),
            Said::Ping,
            message("_INBOX.a.1", None, "{\r\n}"),
            message("_INBOX.a.1", None, ""),
            message("_INBOX.a.2", Some(503), ""),
            message("_INBOX.a.3", None, "{}"),
        ];
        assert_eq!(all(text).unwrap(), expected);
        for cut in 0..text.len() {
            let mut read = BytesMut::from(&text[..cut]);
            let mut found = Vec::new();
            for more in [&b""[..], &text[cut..]] {
                read.extend_from_slice(more);
                while let Some(said) = take(&mut read).unwrap() {
                    found.push(said);
                }
            }
            assert_eq!(found, expected, "cut at {cut}");
        }
    }

    #[test]
    fn anything_else_is_no_server_of_ours() {
        for text in [
            "HTTP/1.1 400 Bad Request\r\n",
            "INFO {\r\n",
            "MSG a 1\r\n",
            "MSG a 1 b c 2\r\n",
            "MSG a 1 -1\r\n",
            "MSG a 1 99999999999\r\n",
            "HMSG a 1 4 2\r\n",
            "MSG a 1 1\r\nxyz",
            "\u{e9}\r\n",
        ] {
            assert_eq!(all(text.as_bytes()), Err(Malformed), "{text}");
        }
        assert_eq!(all(b"\xff\r\n"), Err(Malformed));
        assert_eq!(all(&vec![b'x'; LINE_BYTES_MAX + 1]), Err(Malformed));
    }
}
