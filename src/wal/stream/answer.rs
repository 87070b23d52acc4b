//! What the server says outside of the stream.

use bytes::Bytes;

use super::super::pgoutput::{Cursor, DecodeError};
use super::{ServerError, StreamError};

/// One message, as far as anybody here wants to know.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Authentication(Demand),
    /// A setting of the session, told unasked.
    Parameter {
        name: String,
        value: String,
    },
    Row(Vec<Option<Bytes>>),
    /// From now on both sides send what they like.
    CopyBoth,
    Complete,
    Ready,
    Notice(ServerError),
    Refused(ServerError),
    /// A key for cancelling, the description of rows.
    Other,
}

/// What the server demands as proof.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Demand {
    Nothing,
    Cleartext,
    Md5 { salt: [u8; 4] },
    Sasl { mechanisms: Vec<String> },
    SaslContinue(Vec<u8>),
    SaslFinal(Vec<u8>),
    Unknown(u32),
}

impl Answer {
    pub(super) fn parse(tag: u8, body: &[u8]) -> Result<Self, StreamError> {
        let mut cursor = Cursor::new(body);
        Ok(match tag {
            b'R' => Self::Authentication(demand(&mut cursor)?),
            b'S' => parameter(&mut cursor)?,
            b'D' => Self::Row(row(&mut cursor)?),
            b'W' => Self::CopyBoth,
            b'C' => Self::Complete,
            b'Z' => Self::Ready,
            b'N' => Self::Notice(ServerError::parse(body)),
            b'E' => Self::Refused(ServerError::parse(body)),
            b'K' | b'T' => Self::Other,
            _ => {
                return Err(StreamError::Protocol(format!(
                    "a message of type {:?}",
                    char::from(tag)
                )));
            }
        })
    }
}

fn demand(cursor: &mut Cursor<'_>) -> Result<Demand, DecodeError> {
    cursor.name("authentication");
    Ok(match cursor.u32("kind")? {
        0 => Demand::Nothing,
        3 => Demand::Cleartext,
        5 => Demand::Md5 {
            salt: cursor.u32("salt")?.to_be_bytes(),
        },
        10 => Demand::Sasl {
            mechanisms: mechanisms(cursor)?,
        },
        11 => Demand::SaslContinue(cursor.left().to_vec()),
        12 => Demand::SaslFinal(cursor.left().to_vec()),
        kind => Demand::Unknown(kind),
    })
}

fn mechanisms(cursor: &mut Cursor<'_>) -> Result<Vec<String>, DecodeError> {
    let mut mechanisms = Vec::new();
    loop {
        match cursor.string("mechanism")? {
            "" => return Ok(mechanisms),
            mechanism => mechanisms.push(mechanism.to_owned()),
        }
    }
}

fn parameter(cursor: &mut Cursor<'_>) -> Result<Answer, DecodeError> {
    cursor.name("parameter status");
    Ok(Answer::Parameter {
        name: cursor.string("name")?.to_owned(),
        value: cursor.string("value")?.to_owned(),
    })
}

fn row(cursor: &mut Cursor<'_>) -> Result<Vec<Option<Bytes>>, DecodeError> {
    cursor.name("data row");
    let count = cursor.count("column count")?;
    let column = |_| match cursor.i32("column length")? {
        -1 => Ok(None),
        length => {
            let bytes = cursor.bytes("column", usize::try_from(length).unwrap_or(usize::MAX))?;
            Ok(Some(Bytes::copy_from_slice(bytes)))
        }
    };
    (0..count).map(column).collect()
}

impl ServerError {
    /// Before the session has begun the server may speak in any encoding, so nothing here can fail.
    pub(super) fn parse(body: &[u8]) -> Self {
        let mut error = Self::default();
        for field in body.split(|byte| *byte == 0) {
            let Some((kind, value)) = field.split_first() else {
                continue;
            };
            let value = || String::from_utf8_lossy(value).into_owned();
            match kind {
                b'C' => error.sqlstate = value(),
                b'M' => error.message = value(),
                b'D' => error.detail = Some(value()),
                b'H' => error.hint = Some(value()),
                b'R' => error.routine = Some(value()),
                _ => {}
            }
        }
        error.withhold_values();
        error
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_row_has_values_and_nulls() {
        let row = Answer::parse(b'D', b"\0\x02\0\0\0\x01a\xff\xff\xff\xff").unwrap();
        assert_eq!(row, Answer::Row(vec![Some(Bytes::from_static(b"a")), None]));
        assert!(Answer::parse(b'D', b"\0\x02\0\0\0\x01a\xff\xff\xff\xfe").is_err());
    }

    #[test]
    fn an_error_keeps_what_it_says() {
        let body = b"SFEHLER\0VERROR\0C55000\0Mnein\0Dso \xe4\0Handers\0Fslot.c\0\0";
        let Answer::Refused(error) = Answer::parse(b'E', body).unwrap() else {
            panic!("no refusal")
        };
        assert_eq!((error.sqlstate.as_str(), error.message.as_str()), ("55000", "nein"));
        assert_eq!(
            (error.detail.as_deref(), error.hint.as_deref()),
            (Some("so \u{fffd}"), Some("anders"))
        );
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer_or_an_error(tag in prop::sample::select(b"RSDWCZNEKTvxd".to_vec()), body: Vec<u8>) {
            let _ = Answer::parse(tag, &body);
        }

        #[test]
        fn any_proof_may_be_demanded(kind in 0_u8..16, rest: Vec<u8>) {
            let _ = Answer::parse(b'R', &[&[0, 0, 0, kind], rest.as_slice()].concat());
        }
    }
}
