//! Any bytes at all give a message or an error; and what was read, written again, is read as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use walsift::wal::Message;
use walsift::wal::encoder::{Sent, encode};

fuzz_target!(|bytes: &[u8]| {
    let message = match Message::decode(bytes) {
        Ok(message) => message,
        Err(error) => {
            assert!(error.offset <= bytes.len());
            return;
        }
    };
    let sent = Sent::from(&message);
    let written = encode(&sent);
    let again = Message::decode(&written).expect("what was read can be read again");
    assert_eq!(again, message);
    assert!(Sent::from(&again) == sent, "the same message, but other values");
    // A message ends where it says; nothing shorter or longer is one.
    assert!(Message::decode(&bytes[..bytes.len() - 1]).is_err());
    assert!(Message::decode(&[bytes, &[0]].concat()).is_err());
});
