//! Bodies: how those of requests are compressed, and how much of an answer's is read.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Response;

/// A body below this would gain nothing but a header.
const COMPRESSED_BYTES_MIN: usize = 1 << 10;

/// Compressing more than this takes long enough to hold up others on the same thread.
const AT_ONCE_BYTES_MAX: usize = 64 << 10;

pub(super) fn is_worth_compressing(body: &Bytes) -> bool {
    body.len() >= COMPRESSED_BYTES_MIN
}

/// As <https://www.rfc-editor.org/rfc/rfc1952>.
pub(super) async fn compressed(body: Bytes) -> Bytes {
    if body.len() <= AT_ONCE_BYTES_MAX {
        return gzip(&body);
    }
    let elsewhere = tokio::task::spawn_blocking(move || gzip(&body));
    elsewhere
        .await
        .expect("compressing does not panic, and nobody cancels it")
}

fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    written.expect("memory takes all that is written to it").into()
}

/// How the body of an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::publish) enum End {
    Whole,
    /// There was more than is read.
    Cut,
    /// The connection broke.
    Broken,
}

/// The first bytes of the body, and how it ended. Where it breaks off the status stands.
pub(in crate::publish) async fn start_of(response: &mut Response, bytes_max: usize) -> (Vec<u8>, End) {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let room = bytes_max - body.len();
                if chunk.len() > room {
                    body.extend_from_slice(&chunk[..room]);
                    return (body, End::Cut);
                }
                body.extend_from_slice(&chunk);
            }
            Ok(None) => return (body, End::Whole),
            Err(_) => return (body, End::Broken),
        }
    }
}
