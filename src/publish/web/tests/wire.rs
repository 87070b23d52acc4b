//! How bodies go over the wire.

use std::io::Read;

use flate2::read::GzDecoder;

use super::*;

#[tokio::test]
async fn a_body_is_compressed_where_that_is_worth_the_while() {
    let (small, large) = ("{}".to_owned(), "{\"name\": \"tea\"}".repeat(1000));
    let huge = "0123456789".repeat(20_000);
    for (body, compressed) in [(small, false), (large, true), (huge, true)] {
        let mut peer = Peer::answering([ok()]).await;
        let url = url(&peer, "/");
        send(&server(&Access::default(), &url), &url, &body).await.unwrap();
        let request = peer.received();
        assert_eq!(request.header("content-encoding"), compressed.then_some("gzip"));
        if compressed {
            assert!(request.bytes.len() < body.len() / 2);
            let mut unpacked = String::new();
            GzDecoder::new(request.bytes.as_slice())
                .read_to_string(&mut unpacked)
                .unwrap();
            assert_eq!(unpacked, body);
        } else {
            assert_eq!(request.body, body);
        }
    }
}
