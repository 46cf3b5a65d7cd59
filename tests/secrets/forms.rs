//! The forms that a secret may take in memory: a library's numbers, a log's digits, a file's base64.

const HEX: [&[u8; 16]; 2] = [b"0123456789abcdef", b"0123456789ABCDEF"];
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Every form of a secret, each with its name.
pub(crate) fn forms(secret: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut forms = Vec::new();
    // Numbers are kept with their first byte first or last.
    let backwards: Vec<u8> = secret.iter().rev().copied().collect();
    for (order, bytes) in [("", secret), (" backwards", &backwards)] {
        forms.push((format!("raw{order}"), bytes.to_vec()));
        for digits in HEX {
            let text = bytes.iter().flat_map(|b| [digits[usize::from(b >> 4)], digits[usize::from(b & 15)]]);
            forms.push((format!("hex {}{order}", char::from(digits[10])), text.collect()));
        }
        for shift in 0..3 {
            forms.push((format!("base64 {shift}{order}"), base64_after(bytes, shift)));
        }
    }
    // As SHA-2 reads what it hashes: words with their first byte first, kept as this machine keeps numbers.
    for word in [4, 8] {
        let words = secret.chunks_exact(word).flat_map(|word| word.iter().rev().copied());
        forms.push((format!("words of {word}"), words.collect()));
    }
    forms
}

/// The digits that are certain of a secret that begins so many bytes after a multiple of three.
fn base64_after(bytes: &[u8], shift: usize) -> Vec<u8> {
    let whole = [&[0; 2][..shift], bytes].concat();
    let bit = |at: usize| usize::from(whole[at / 8] >> (7 - at % 8) & 1);
    let first = (shift * 8).div_ceil(6);
    let digit = |at: usize| BASE64[(at * 6..at * 6 + 6).fold(0, |digit, at| digit << 1 | bit(at))];
    (first..whole.len() * 8 / 6).map(digit).collect()
}
