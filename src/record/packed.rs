//! Documents as the state keeps them: the text that was sent, compressed with zlib (RFC 1950).

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

/// As fast as it gets: this is done for every delivery.
pub fn pack(document: &str) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    let packed = encoder.write_all(document.as_bytes()).and_then(|()| encoder.finish());
    packed.expect("memory takes whatever is written")
}

/// Fails on what was not packed here.
pub fn unpack(packed: &[u8]) -> io::Result<String> {
    let mut document = String::new();
    ZlibDecoder::new(packed).read_to_string(&mut document)?;
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_back_as_it_was() {
        for document in ["", "{}", &"{\"name\": \"tëa\"}".repeat(10_000)] {
            let packed = pack(document);
            assert_eq!(unpack(&packed).unwrap(), document);
            assert!(packed.len() < document.len() / 10 + 20);
        }
        assert!(unpack(b"{}").is_err());
    }
}
