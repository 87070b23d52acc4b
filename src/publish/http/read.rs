//! Reads documents back, where the configuration says how: a request for each, several at a time.

use futures_util::future::try_join_all;

use super::sink::HttpSink;
use crate::publish::web::{End, start_of, wanted_pause};
use crate::publish::{Delivery, Held, Readable, Unread};

/// Most bytes of a document that are read.
const DOCUMENT_BYTES_MAX: usize = 16 << 20;

impl HttpSink {
    pub fn readable(&self) -> Result<Readable, &'static str> {
        if !self.requests.reads() {
            return Err("nothing says how: `read = { url = \"…\" }` does");
        }
        Ok(Readable {
            compares: true,
            forgets: false,
            scans: false,
        })
    }

    pub async fn read(&self, subjects: &[Delivery]) -> Result<Vec<Held>, Unread> {
        let mut held = Vec::with_capacity(subjects.len());
        for part in subjects.chunks(self.concurrency.max(1)) {
            held.extend(try_join_all(part.iter().map(|subject| self.read_one(subject))).await?);
        }
        Ok(held)
    }

    async fn read_one(&self, subject: &Delivery) -> Result<Held, Unread> {
        let request = match self.requests.reading(subject) {
            Ok(request) => request,
            Err(unmakable) => return Ok(Held::Unreadable(unmakable.to_string())),
        };
        let sent = self.server.send(request, self.timeout).await;
        let mut response = sent.map_err(Unread::unanswered)?;
        let (status, after) = (response.status(), wanted_pause(&response));
        let (body, end) = start_of(&mut response, DOCUMENT_BYTES_MAX).await;
        match (status.as_u16(), end) {
            (404 | 410, _) => Ok(Held::Nothing),
            (200..300, End::Cut) => Ok(Held::Unreadable("the document is too large".to_owned())),
            (200..300, End::Broken) => Err(Unread::passing("the answer broke off")),
            (200..300, End::Whole) => Ok(String::from_utf8(body).map_or_else(
                |_| Held::Unreadable("the answer is not in UTF-8".to_owned()),
                |document| Held::Document(document.into()),
            )),
            (code, _) => {
                let said = String::from_utf8_lossy(&body);
                let said = self.server.secrets().excerpt(&said, end != End::Whole);
                let message = format!("GET: {status}: {said}");
                match code {
                    // Of this one only, perhaps.
                    400 | 405 | 406 | 409 | 413..=424 | 426..=428 => Ok(Held::Unreadable(message)),
                    _ => Err(Unread::status(code, after, message)),
                }
            }
        }
    }
}
