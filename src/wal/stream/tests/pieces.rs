//! The bytes of a stream, cut anywhere.

use bytes::BytesMut;
use proptest::prelude::*;

use super::super::super::Lsn;
use super::super::super::encoder::{Sent, encode};
use super::super::Event;
use super::super::frames::{Frames, survey};
use super::{data, frame, keep_alive};

/// A transaction with a large row, and what else may come.
fn bytes() -> Vec<u8> {
    let micros = 5_000_000;
    let begin = Sent::Begin {
        final_lsn: 10,
        micros,
        xid: 7,
    };
    let commit = Sent::Commit {
        lsn: 10,
        end_lsn: 20,
        micros,
    };
    let message = Sent::Logical {
        transactional: false,
        lsn: 30,
        prefix: "walsift".to_owned(),
        content: b"content".to_vec(),
    };
    [
        keep_alive(Lsn(1), false),
        data(&encode(&begin)),
        data(b"I1"),
        frame(b'N', b"Mby the way\0\0"),
        data(&[b"I".as_slice(), &[b'd'; 700]].concat()),
        data(&encode(&commit)),
        data(&encode(&message)),
        keep_alive(Lsn(40), true),
    ]
    .concat()
}

/// What is read when the bytes come in these pieces, and whether an answer was asked for.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Event>, bool) {
    let (mut events, mut asked, mut unread) = (Vec::new(), false, BytesMut::new());
    for piece in pieces {
        unread.extend_from_slice(piece);
        let survey = survey(&unread).unwrap();
        assert!(!survey.ends);
        asked |= survey.asked;
        let whole = unread.split_to(survey.bytes).freeze();
        events.extend(Frames::new(whole).map(Result::unwrap));
    }
    assert!(unread.is_empty());
    (events, asked)
}

#[test]
fn two_pieces_are_read_like_one() {
    let bytes = bytes();
    let whole = read([bytes.as_slice()]);
    assert_eq!(
        format!("{:?}", whole.0),
        "[KeepAlive(0/1), Begin(xid 7, 0/A), Data(2 bytes), Data(701 bytes), Commit(0/14), \
         Message(\"walsift\", 0/1E, 7 bytes), KeepAlive(0/28)]"
    );
    assert!(whole.1);
    for cut in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(cut);
        assert_eq!(read([head, tail]), whole, "cut at {cut}");
    }
}

proptest! {
    #[test]
    fn any_pieces_are_read_like_one(mut cuts in prop::collection::vec(0..=bytes().len(), 0..40)) {
        let bytes = bytes();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]);
        prop_assert_eq!(read(pieces), read([bytes.as_slice()]));
    }

    #[test]
    fn any_bytes_are_events_or_an_error(bytes in prop::collection::vec(prop::sample::select(b"dwkBCMI\0\x05\x20".to_vec()), 0..200)) {
        if let Ok(survey) = survey(&bytes) {
            let whole = bytes[..survey.bytes].to_vec().into();
            let _ = Frames::new(whole).take_while(Result::is_ok).count();
        }
    }
}
