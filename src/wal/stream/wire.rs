//! Frames on a socket: a tag, a length that counts itself, a body.

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::answer::Answer;
use super::error::hung_up;
use super::{ServerError, StreamError};

/// What Postgres itself can send at most.
const FRAME_BYTES_MAX: usize = 1 << 30;

/// Most that is read of one answer before the stream begins.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Room for one read.
const READ_BYTES: usize = 256 << 10;

/// Tag and length.
pub(super) const HEADER_BYTES: usize = 5;

/// What a frame begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) tag: u8,
    /// Of the whole frame.
    pub(super) bytes: usize,
}

impl Header {
    /// Of the frame that `bytes` begin with; `None` while too little of it is there.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, StreamError> {
        let Some(&[tag, a, b, c, d]) = bytes.first_chunk() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([a, b, c, d]);
        match usize::try_from(length) {
            Ok(length) if (4..FRAME_BYTES_MAX).contains(&length) => Ok(Some(Self { tag, bytes: 1 + length })),
            _ => Err(StreamError::Protocol(format!("a message of {length} bytes"))),
        }
    }

    /// As [`Header::read`], once the whole frame is there.
    pub(super) fn of_whole(bytes: &[u8]) -> Result<Option<Self>, StreamError> {
        Ok(Self::read(bytes)?.filter(|header| header.bytes <= bytes.len()))
    }
}

/// Makes room for one more read. A length is not believed before the bytes come: what a large frame takes up grows
/// with it, and is let go after it.
pub(super) fn make_room(unread: &mut BytesMut) {
    let room = READ_BYTES.max(unread.len());
    if unread.capacity() > 4 * room {
        let mut fresh = BytesMut::with_capacity(2 * room);
        fresh.extend_from_slice(unread);
        *unread = fresh;
    }
    if unread.capacity() - unread.len() < READ_BYTES / 4 {
        unread.reserve(room);
    }
}

/// A connection before the stream begins: one question, one answer.
pub(super) struct Wire<S> {
    pub(super) socket: S,
    pub(super) unread: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(socket: S) -> Self {
        Self {
            socket,
            unread: BytesMut::new(),
        }
    }

    /// Sends what `write` puts together; it fails where a string has a zero byte.
    pub(super) async fn send(
        &mut self,
        write: impl FnOnce(&mut BytesMut) -> std::io::Result<()>,
    ) -> Result<(), StreamError> {
        let mut message = BytesMut::new();
        write(&mut message).map_err(|_| StreamError::Setting("no zero byte may be in what is sent to the server"))?;
        self.socket.write_all(&message).await.map_err(StreamError::Connection)?;
        self.socket.flush().await.map_err(StreamError::Connection)
    }

    /// The next answer; a refusal is an error, and what is said beside the matter is passed over.
    pub(super) async fn answer(&mut self) -> Result<Answer, StreamError> {
        loop {
            let header = self.header().await?;
            let frame = self.unread.split_to(header.bytes);
            match Answer::parse(header.tag, &frame[HEADER_BYTES..])? {
                Answer::Refused(error) => return Err(StreamError::Server(error)),
                Answer::Notice(notice) => log(&notice),
                answer => return Ok(answer),
            }
        }
    }

    /// Reads until a whole frame is there.
    async fn header(&mut self) -> Result<Header, StreamError> {
        loop {
            if let Some(header) = Header::read(&self.unread)? {
                if header.bytes > ANSWER_BYTES_MAX {
                    return Err(StreamError::Protocol(format!("an answer of {} bytes", header.bytes)));
                }
                if header.bytes <= self.unread.remaining() {
                    return Ok(header);
                }
            }
            make_room(&mut self.unread);
            let read = self.socket.read_buf(&mut self.unread).await;
            if read.map_err(StreamError::Connection)? == 0 {
                return Err(hung_up());
            }
        }
    }
}

fn log(notice: &ServerError) {
    tracing::debug!(notice = %notice, "the source says");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_not_believed() {
        for length in [0, 3, 1 << 30, u32::MAX] {
            let bytes = [b"d".as_slice(), &length.to_be_bytes()].concat();
            assert!(
                matches!(Header::read(&bytes), Err(StreamError::Protocol(_))),
                "{length}"
            );
        }
        let largest = [b"d".as_slice(), &((1_u32 << 30) - 1).to_be_bytes()].concat();
        assert_eq!(Header::read(&largest).unwrap().unwrap().bytes, 1 << 30);
        assert!(Header::of_whole(&largest).unwrap().is_none());
    }

    #[test]
    fn a_length_alone_takes_up_no_room() {
        let mut unread = BytesMut::from(
            [b"d".as_slice(), &((1_u32 << 30) - 1).to_be_bytes()]
                .concat()
                .as_slice(),
        );
        make_room(&mut unread);
        assert!(unread.capacity() <= 2 * READ_BYTES, "{}", unread.capacity());
    }
}
