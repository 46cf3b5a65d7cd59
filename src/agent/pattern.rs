//! Patterns as OpenSSH has them (ssh_config(5), PATTERNS): `*` for any bytes, `?` for one.
#![forbid(unsafe_code)]

/// Whether the whole `text` is of the form of `pattern`. Takes time of their product at most.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    // Where the last star was, and how far it has reached.
    let mut star: Option<(usize, usize)> = None;
    while from < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[from] => {
                at += 1;
                from += 1;
            }
            _ => {
                let Some((place, reached)) = star else { return false };
                star = Some((place, reached + 1));
                (at, from) = (place + 1, reached + 1);
            }
        }
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

/// Whether one of the patterns in a comma-separated list matches, and none of those that begin with `!`.
pub fn list_matches(list: &str, text: &[u8]) -> bool {
    let mut found = false;
    for pattern in list.split(',') {
        match pattern.strip_prefix('!') {
            Some(not) if matches(not.as_bytes(), text) => return false,
            Some(_) => {}
            None => found |= matches(pattern.as_bytes(), text),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_texts() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("a*", "abc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*b*c", "abbbc", true),
            ("*b*c", "abbbcd", false),
            ("ssh:*", "ssh:", true),
            ("ssh:*", "https://ssh:", false),
            ("/usr/lib*/*", "/usr/lib64/x/y.so", true),
            ("/usr/lib*/*", "/usr/local/lib/y.so", false),
            ("**a", "ba", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
        // A pattern that is slow in a naive form.
        assert!(!matches("*a".repeat(200).as_bytes(), "a".repeat(199).as_bytes()));
    }

    #[test]
    fn a_denial_in_a_list_wins() {
        for (list, text, expected) in [
            ("a*,b*", "bc", true),
            ("a*,!ab*", "abc", false),
            ("!ab*,a*", "abc", false),
            ("!ab*", "xyz", false),
            ("", "xyz", false),
            ("", "", true),
        ] {
            assert_eq!(list_matches(list, text.as_bytes()), expected, "{list} {text}");
        }
    }
}
