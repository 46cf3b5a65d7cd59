//! Foreign text on its way to a person.
#![forbid(unsafe_code)]

/// `text` with whatever would act on a terminal, or turn the direction of writing, shown as an escape.
#[must_use]
pub fn visible(text: &str) -> String {
    let acts = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|c| if acts(c) { c.escape_default().to_string() } else { c.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn what_acts_on_a_terminal_is_shown_instead() {
        let hostile = "a\x1b[2Jb\r\n\u{9b}\u{202e}é\t\u{2028}";
        assert_eq!(visible(hostile), "a\\u{1b}[2Jb\\r\\n\\u{9b}\\u{202e}é\\t\\u{2028}");
    }
}
