//! Commands and replies on the wire, version 2 of the protocol: <https://redis.io/docs/latest/develop/reference/protocol-spec/>

use bytes::{Buf, BytesMut};

/// Longest line of a reply: a number, a name or an error.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Longest text, which may be a document.
const TEXT_BYTES_MAX: usize = 64 << 20;

/// Most parts of a list.
const PARTS_MAX: usize = 1 << 20;

/// How deep lists may stand in one another.
const DEPTH_MAX: usize = 4;

/// A command with its arguments.
pub(super) type Command = Vec<Vec<u8>>;

/// As far as the commands that we send are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    Text(String),
    Number(i64),
    /// In the server's words, its code first.
    Error(String),
    Nothing,
    List(Vec<Reply>),
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("that is no Redis: it does not speak its protocol")]
pub(super) struct Malformed;

pub(super) fn command<'a>(parts: impl IntoIterator<Item = &'a str>) -> Command {
    parts.into_iter().map(|part| part.as_bytes().to_vec()).collect()
}

/// The second is what follows the first.
pub(super) fn write(prefix: &[Vec<u8>], rest: &[Vec<u8>], out: &mut Vec<u8>) {
    out.extend(format!("*{}\r\n", prefix.len() + rest.len()).as_bytes());
    for part in prefix.iter().chain(rest) {
        out.extend(format!("${}\r\n", part.len()).as_bytes());
        out.extend(part);
        out.extend(b"\r\n");
    }
}

/// Takes the first reply, once all of it is there.
pub(super) fn take(read: &mut BytesMut) -> Result<Option<Reply>, Malformed> {
    let Some((reply, end)) = parse(read, 0, DEPTH_MAX)? else {
        return Ok(None);
    };
    read.advance(end);
    Ok(Some(reply))
}

/// The reply that begins there, and where it ends.
fn parse(read: &[u8], begin: usize, depth: usize) -> Result<Option<(Reply, usize)>, Malformed> {
    let rest = &read[begin..];
    let Some(length) = rest.windows(2).position(|pair| pair == b"\r\n") else {
        return if rest.len() > LINE_BYTES_MAX {
            Err(Malformed)
        } else {
            Ok(None)
        };
    };
    let line = String::from_utf8_lossy(&rest[..length]).into_owned();
    let end = begin + length + 2;
    let (kind, said) = line.split_at_checked(1).ok_or(Malformed)?;
    let number = || said.parse::<i64>().map_err(|_| Malformed);
    let count = |most: usize| {
        usize::try_from(number()?)
            .ok()
            .filter(|count| *count <= most)
            .ok_or(Malformed)
    };
    let reply = match kind {
        "+" => Reply::Text(said.to_owned()),
        "-" => Reply::Error(said.to_owned()),
        ":" => Reply::Number(number()?),
        "$" | "*" if number()? < 0 => Reply::Nothing,
        "$" => {
            let bytes = count(TEXT_BYTES_MAX)?;
            let Some(text) = read.get(end..end + bytes + 2) else {
                return Ok(None);
            };
            let text = text.strip_suffix(b"\r\n").ok_or(Malformed)?;
            let text = String::from_utf8_lossy(text).into_owned();
            return Ok(Some((Reply::Text(text), end + bytes + 2)));
        }
        "*" => return list(read, end, count(PARTS_MAX)?, depth),
        _ => return Err(Malformed),
    };
    Ok(Some((reply, end)))
}

fn list(read: &[u8], begin: usize, count: usize, depth: usize) -> Result<Option<(Reply, usize)>, Malformed> {
    let depth = depth.checked_sub(1).ok_or(Malformed)?;
    let (mut parts, mut end) = (Vec::new(), begin);
    for _ in 0..count {
        let Some((part, behind)) = parse(read, end, depth)? else {
            return Ok(None);
        };
        parts.push(part);
        end = behind;
    }
    Ok(Some((Reply::List(parts), end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_a_list_of_texts_of_any_bytes() {
        let mut out = Vec::new();
        write(&command(["SET"]), &command(["ü\r\n", ""]), &mut out);
        assert_eq!(out, "*3\r\n$3\r\nSET\r\n$4\r\nü\r\n\r\n$0\r\n\r\n".as_bytes());
    }

    #[test]
    fn replies_are_taken_once_they_are_whole() {
        let text =
            "+OK\r\n:-7\r\n-ERR no\r\n$4\r\na\r\nb\r\n$-1\r\n$0\r\n\r\n*2\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n*-1\r\n";
        let word = |text: &str| Reply::Text(text.to_owned());
        let wanted = [
            Reply::Text("OK".to_owned()),
            Reply::Number(-7),
            Reply::Error("ERR no".to_owned()),
            Reply::Text("a\r\nb".to_owned()),
            Reply::Nothing,
            Reply::Text(String::new()),
            Reply::List(vec![word("0"), Reply::List(vec![word("k")])]),
            Reply::Nothing,
        ];
        // A byte at a time.
        let (mut read, mut replies) = (BytesMut::new(), Vec::new());
        for byte in text.bytes() {
            read.extend_from_slice(&[byte]);
            replies.extend(take(&mut read).unwrap());
        }
        assert_eq!(replies, wanted);
        assert!(read.is_empty());
    }

    #[test]
    fn what_is_no_reply_is_malformed() {
        for text in [
            "HTTP/1.1 400\r\n",
            "\r\n",
            ":x\r\n",
            "$x\r\n",
            "$99999999\r\n",
            "$1\r\nabc",
            "*99999999\r\n",
            "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
            "é\r\n",
        ] {
            assert_eq!(take(&mut BytesMut::from(text)), Err(Malformed), "{text:?}");
        }
        assert_eq!(
            take(&mut BytesMut::from(&*"+".repeat(LINE_BYTES_MAX + 1))),
            Err(Malformed)
        );
    }
}
