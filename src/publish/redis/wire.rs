//! Commands and replies on the wire, version 2 of the protocol: <https://redis.io/docs/latest/develop/reference/protocol-spec/>

use bytes::{Buf, BytesMut};

/// Longest line of a reply. What we ask for is answered by a number, a name or an error.
const LINE_BYTES_MAX: usize = 64 << 10;

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
    let Some(end) = read.windows(2).position(|pair| pair == b"\r\n") else {
        return if read.len() > LINE_BYTES_MAX {
            Err(Malformed)
        } else {
            Ok(None)
        };
    };
    let line = String::from_utf8_lossy(&read[..end]).into_owned();
    let (kind, rest) = line.split_at_checked(1).ok_or(Malformed)?;
    let number = || rest.parse::<i64>().map_err(|_| Malformed);
    let reply = match kind {
        "+" => Reply::Text(rest.to_owned()),
        "-" => Reply::Error(rest.to_owned()),
        ":" => Reply::Number(number()?),
        "$" if number()? < 0 => Reply::Nothing,
        "$" => {
            let bytes = usize::try_from(number()?).ok().filter(|bytes| *bytes <= LINE_BYTES_MAX);
            let (begin, bytes) = (end + 2, bytes.ok_or(Malformed)?);
            let Some(text) = read.get(begin..begin + bytes + 2) else {
                return Ok(None);
            };
            let text = text.strip_suffix(b"\r\n").ok_or(Malformed)?;
            let text = String::from_utf8_lossy(text).into_owned();
            read.advance(begin + bytes + 2);
            return Ok(Some(Reply::Text(text)));
        }
        _ => return Err(Malformed),
    };
    read.advance(end + 2);
    Ok(Some(reply))
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
        let text = "+OK\r\n:-7\r\n-ERR no\r\n$4\r\na\r\nb\r\n$-1\r\n$0\r\n\r\n";
        let wanted = [
            Reply::Text("OK".to_owned()),
            Reply::Number(-7),
            Reply::Error("ERR no".to_owned()),
            Reply::Text("a\r\nb".to_owned()),
            Reply::Nothing,
            Reply::Text(String::new()),
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
