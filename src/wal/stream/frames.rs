//! What is inside of the stream.
//!
//! The task that reads the socket only looks for where frames end and for what concerns itself ([`survey`]); taking
//! them apart is left to whoever wants the events ([`Frames`]).

use bytes::{Buf, Bytes};

use super::super::Lsn;
use super::super::pgoutput::{Cursor, Message};
use super::wire::{HEADER_BYTES, Header};
use super::{Event, ServerError, StreamError};

/// Before the payload of a row: a kind, two positions, a time.
const DATA_HEADER_BYTES: usize = 1 + 8 + 8 + 8;

/// What the frames that are there have to say to whoever reads the socket.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Survey {
    /// Where the last whole frame of the stream ends.
    pub(super) bytes: usize,
    /// The server wants a sign of life.
    pub(super) asked: bool,
    /// Behind `bytes` stands the frame that ends the stream.
    pub(super) ends: bool,
    /// When the last change was sent, by the server's clock, in µs since 2000.
    pub(super) sent_at: Option<i64>,
    /// When the last transaction that begins here was committed, by the same clock.
    pub(super) committed_at: Option<i64>,
}

/// Looks through the frames of a stream, up to the first that is not whole or is the end of it.
pub(super) fn survey(bytes: &[u8]) -> Result<Survey, StreamError> {
    let mut survey = Survey::default();
    loop {
        let rest = &bytes[survey.bytes..];
        let Some(header) = Header::of_whole(rest)? else {
            return Ok(survey);
        };
        match header.tag {
            b'd' => survey.note(&rest[HEADER_BYTES..header.bytes]),
            b'S' | b'N' => {}
            b'E' | b'c' | b'C' => {
                survey.ends = true;
                return Ok(survey);
            }
            tag => return Err(unknown(tag)),
        }
        survey.bytes += header.bytes;
    }
}

impl Survey {
    /// What is too short to be one or the other is for [`Frames`] to complain about.
    fn note(&mut self, body: &[u8]) {
        let time = |at: usize| body.get(at..)?.first_chunk().copied().map(i64::from_be_bytes);
        match body.first() {
            Some(b'k') => self.asked |= body.last() == Some(&1),
            Some(b'w') => {
                self.sent_at = time(DATA_HEADER_BYTES - 8).or(self.sent_at);
                if body.get(DATA_HEADER_BYTES) == Some(&b'B') {
                    // Behind the tag and a position.
                    self.committed_at = time(DATA_HEADER_BYTES + 1 + 8).or(self.committed_at);
                }
            }
            _ => {}
        }
    }
}

/// Why the stream ends with this frame, and with nothing behind it.
pub(super) fn last_word(frame: &[u8]) -> Option<ServerError> {
    let (header, body) = frame.split_at_checked(HEADER_BYTES)?;
    (header.first() == Some(&b'E')).then(|| ServerError::parse(body))
}

/// Whole frames of the stream, to be taken one by one.
#[derive(Debug, Default)]
pub(super) struct Frames(Bytes);

impl Frames {
    /// Of what a [`survey`] has found to be whole.
    pub(super) fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl Iterator for Frames {
    type Item = Result<Event, StreamError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let header = match Header::of_whole(&self.0) {
                Ok(header) => header?,
                Err(error) => return Some(Err(error)),
            };
            let body = HEADER_BYTES..header.bytes;
            let event = match header.tag {
                b'd' => Some(event(&self.0, body)),
                b'N' => warning(&self.0[body]).map(Err),
                _ => None,
            };
            self.0.advance(header.bytes);
            if event.is_some() {
                return event;
            }
        }
    }
}

/// What is not to be passed over of a notice.
fn warning(body: &[u8]) -> Option<StreamError> {
    let said = ServerError::parse(body);
    said.leaves_out_changes().then_some(StreamError::Server(said))
}

/// What the frame with this body has to tell.
fn event(bytes: &Bytes, body: std::ops::Range<usize>) -> Result<Event, StreamError> {
    let mut cursor = Cursor::new(&bytes[body.clone()]);
    cursor.name("stream");
    match cursor.u8("kind")? {
        b'k' => keep_alive(&mut cursor),
        b'w' => {
            cursor.bytes("positions and time", DATA_HEADER_BYTES - 1)?;
            change(bytes, body.start + DATA_HEADER_BYTES..body.end)
        }
        kind => Err(unknown(kind)),
    }
}

fn keep_alive(cursor: &mut Cursor<'_>) -> Result<Event, StreamError> {
    let wal_end = cursor.lsn("wal end")?;
    cursor.bytes("time", 8)?;
    cursor.u8("reply requested")?;
    cursor.end()?;
    Ok(Event::KeepAlive { wal_end })
}

/// The message that stands at `range`, shared, not copied.
fn change(bytes: &Bytes, range: std::ops::Range<usize>) -> Result<Event, StreamError> {
    let message = &bytes[range.clone()];
    if !matches!(message.first(), Some(b'B' | b'C' | b'M')) {
        return Ok(Event::Data(bytes.slice(range)));
    }
    Ok(match Message::decode(message)? {
        Message::Begin {
            final_lsn,
            commit_time,
            xid,
        } => Event::Begin {
            xid,
            final_lsn,
            commit_time,
        },
        Message::Commit {
            end_lsn, commit_time, ..
        } => Event::Commit { end_lsn, commit_time },
        Message::Logical {
            transactional,
            lsn,
            prefix,
            content,
        } => Event::Message {
            transactional,
            lsn,
            prefix: prefix.to_owned(),
            content: bytes.slice_ref(content.0),
        },
        _ => Event::Data(bytes.slice(range)),
    })
}

fn unknown(kind: u8) -> StreamError {
    StreamError::Protocol(format!("a message of type {:?} in the stream", char::from(kind)))
}

/// A status: everything before `confirmed` may be forgotten. With `ask`, the server answers at once.
pub(super) fn status(confirmed: Lsn, ask: bool, now: i64) -> [u8; 39] {
    let mut frame = [0; 39];
    frame[0] = b'd';
    frame[1..5].copy_from_slice(&38_u32.to_be_bytes());
    frame[5] = b'r';
    // Written, flushed, applied: for us all the same.
    for at in [6, 14, 22] {
        frame[at..at + 8].copy_from_slice(&confirmed.0.to_be_bytes());
    }
    frame[30..38].copy_from_slice(&now.to_be_bytes());
    frame[38] = ask.into();
    frame
}
