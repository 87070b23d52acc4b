//! Channel binding of the kind `tls-server-end-point`, <https://www.rfc-editor.org/rfc/rfc5929#section-4>.

use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::oid::db::rfc5912::{
    ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ECDSA_WITH_SHA_512, MD_5_WITH_RSA_ENCRYPTION, SHA_1_WITH_RSA_ENCRYPTION,
    SHA_256_WITH_RSA_ENCRYPTION, SHA_384_WITH_RSA_ENCRYPTION, SHA_512_WITH_RSA_ENCRYPTION,
};

/// `ecdsa-with-SHA1`, RFC 3279.
const ECDSA_WITH_SHA_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.1");

/// The certificate's hash by the function that its signature uses, with SHA-256 in the place of weaker ones. `None` for
/// a signature that names none, such as Ed25519; Postgres offers no binding then either.
pub(super) fn tls_server_end_point(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let parsed = Certificate::from_der(certificate).ok()?;
    hash(parsed.signature_algorithm.oid, certificate)
}

fn hash(signature: ObjectIdentifier, certificate: &[u8]) -> Option<Vec<u8>> {
    Some(match signature {
        MD_5_WITH_RSA_ENCRYPTION
        | SHA_1_WITH_RSA_ENCRYPTION
        | ECDSA_WITH_SHA_1
        | SHA_256_WITH_RSA_ENCRYPTION
        | ECDSA_WITH_SHA_256 => Sha256::digest(certificate).to_vec(),
        SHA_384_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_384 => Sha384::digest(certificate).to_vec(),
        SHA_512_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_512 => Sha512::digest(certificate).to_vec(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use x509_cert::der::oid::db::rfc8410::ID_ED_25519;

    use super::*;

    #[test]
    fn the_hash_is_that_of_the_signature_but_never_a_weak_one() {
        let cases = [
            (MD_5_WITH_RSA_ENCRYPTION, Some(32)),
            (ECDSA_WITH_SHA_1, Some(32)),
            (SHA_256_WITH_RSA_ENCRYPTION, Some(32)),
            (ECDSA_WITH_SHA_384, Some(48)),
            (SHA_512_WITH_RSA_ENCRYPTION, Some(64)),
            (ID_ED_25519, None),
        ];
        for (signature, bytes) in cases {
            assert_eq!(
                hash(signature, b"a certificate").map(|hash| hash.len()),
                bytes,
                "{signature}"
            );
        }
        assert_eq!(hash(ECDSA_WITH_SHA_256, b"abc").unwrap()[..4], [0xba, 0x78, 0x16, 0xbf]);
    }
}
