//! Times as OpenSSH writes them: `60`, `10m`, `1h30m`, `1w2d`.
#![forbid(unsafe_code)]

use std::time::Duration;

/// The longest one, in seconds: OpenSSH counts them in an int.
const MOST: u64 = i32::MAX as u64;

/// A time, in whole seconds; none where it is not one. A fraction, which only seconds can have, counts as a whole one: a
/// key may go sooner than it was meant to, and 0 would mean for ever.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let (mut total, mut rest) = (0_u64, text);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let unit = after.chars().next();
        rest = after.get(1..).unwrap_or_default();
        let seconds = match unit.map(|unit| unit.to_ascii_lowercase()) {
            // Nothing comes after the seconds.
            None | Some('s') if rest.is_empty() => whole_seconds(number)?,
            Some('m') => number.parse::<u64>().ok()?.checked_mul(60)?,
            Some('h') => number.parse::<u64>().ok()?.checked_mul(60 * 60)?,
            Some('d') => number.parse::<u64>().ok()?.checked_mul(24 * 60 * 60)?,
            Some('w') => number.parse::<u64>().ok()?.checked_mul(7 * 24 * 60 * 60)?,
            _ => return None,
        };
        total = total.checked_add(seconds).filter(|&total| total <= MOST)?;
    }
    Some(Duration::from_secs(total))
}

fn whole_seconds(number: &str) -> Option<u64> {
    let Some((whole, fraction)) = number.split_once('.') else { return number.parse().ok() };
    if fraction.is_empty() || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    whole.checked_add(u64::from(fraction.bytes().any(|digit| digit != b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_openssh_reads_them() {
        for (text, seconds) in [
            ("0", Some(0)),
            ("60", Some(60)),
            ("2s", Some(2)),
            ("5S", Some(5)),
            ("10m", Some(600)),
            ("1m30", Some(90)),
            ("1h30m", Some(5400)),
            ("1D", Some(86_400)),
            ("1w2d3h4m5", Some(788_645)),
            ("1w2d3h4m5s", Some(788_645)),
            ("2147483647", Some(2_147_483_647)),
            ("3550w5d3h14m7s", Some(2_147_483_647)),
            ("1.5", Some(2)),
            (".5s", Some(1)),
            ("1m0.5s", Some(61)),
            ("2.0", Some(2)),
            ("3550w5d3h14m8s", None),
            ("2147483648", None),
            ("99999999999999999999", None),
            ("", None),
            ("s", None),
            ("m", None),
            ("-1", None),
            ("1x", None),
            ("1é", None),
            ("1.5h", None),
            ("1.s", None),
            ("1..5", None),
            (".", None),
            ("0x10", None),
            ("1e3", None),
            ("1sm", None),
            ("1s2", None),
            ("1 h", None),
        ] {
            assert_eq!(parse(text), seconds.map(Duration::from_secs), "{text:?}");
        }
    }
}
