//! Public keys and signatures from anywhere: three strings, a key, what was signed, and the signature. What verifies
//! is by a public key in the form of its type; it verifies nothing else, and not with a byte more.

use myagent::key::{Certificate, Imported, TokenKey, is_public_key, rsa_signature_name, verify};
use myagent::message::Reader;

/// Flags of a sign request: each asks an RSA key for another hash.
const FLAGS: [u32; 4] = [0, 2, 4, 6];

/// The key as one that a token says it has: taken in its one form, and its signatures only in the one asked for.
fn check_token(blob: &[u8], data: &[u8], signature: &[u8]) {
    let token = || TokenKey { provider: b"/p"[..].into(), process: 1, public: blob.into() };
    let name = Reader::new(signature).string().unwrap_or_default();
    for flags in FLAGS {
        let signed = token().has_signed(data, flags, signature);
        assert!(!signed || verify(blob, data, signature));
        let rsa = Reader::new(blob).string() == Ok(b"ssh-rsa");
        assert!(!signed || !rsa || name == rsa_signature_name(flags).as_bytes());
    }
    if let Ok(imported) = Imported::on_token(token(), None) {
        assert!(is_public_key(blob) && *imported.blob == *blob && !imported.certificate);
    }
    let certified = |certificate| Imported::on_token(token(), Some(certificate)).is_ok();
    assert!(!certified(blob));
    if let Ok(certificate) = Certificate::read(data) {
        assert!(!certified(data) || certificate.plain() == blob);
    }
}

/// Panics where something does not hold.
pub(crate) fn check(input: &[u8]) {
    let mut reader = Reader::new(input);
    let (Ok(blob), Ok(data), Ok(signature)) = (reader.string(), reader.string(), reader.string()) else {
        return;
    };
    let known = is_public_key(blob);
    let longer = [blob, &[0]].concat();
    assert!(!known || (!is_public_key(&longer) && !verify(&longer, data, signature)));
    if let Ok(public) = ssh_key::PublicKey::from_bytes(blob) {
        // Another hand reads it, and so as a key of the same type.
        let name = Reader::new(blob).text().expect("a type");
        assert!(!known || public.algorithm().as_str() == name || Certificate::read(blob).is_ok());
    }
    check_token(blob, data, signature);
    if verify(blob, data, signature) {
        assert!(known);
        assert!(!verify(blob, data, &[signature, &[0]].concat()));
        assert!(!verify(blob, data, &signature[..signature.len() - 1]));
    }
}
