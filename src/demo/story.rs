//! What the demo tells: for each scene its title, what was written, what was sent, and what is proved by it.

use std::fmt::Display;
use std::io::{Write, stdout};

/// How wide labels are, with the space after them.
const LABEL: usize = 7;

/// How much of a document is shown.
const BODY_CHARS: usize = 90;

/// Tells on standard output. A reader who leaves early does not end the demo.
#[derive(Debug)]
pub(super) struct Story {
    color: bool,
    scenes: usize,
}

#[derive(Debug, Clone, Copy)]
enum Style {
    Bold,
    Dim,
    Blue,
    Green,
    Red,
}

impl Story {
    pub(super) fn new(color: bool) -> Self {
        Self { color, scenes: 0 }
    }

    /// How many scenes were begun.
    pub(super) fn scenes(&self) -> usize {
        self.scenes
    }

    pub(super) fn scene(&mut self, title: &str) {
        self.scenes += 1;
        let title = self.styled(Style::Bold, title);
        line(&format!("\n{:>2}  {title}", self.scenes));
    }

    /// SQL, as it was run.
    pub(super) fn wrote(&self, sql: &str) {
        self.labelled("wrote", Style::Blue, sql);
    }

    /// Requests, as they arrived.
    pub(super) fn sent(&self, requests: impl Display) {
        self.labelled("sent", Style::Green, &requests.to_string());
    }

    /// Anything else that happens or is seen.
    pub(super) fn note(&self, label: &str, text: impl Display) {
        self.labelled(label, Style::Dim, &text.to_string());
    }

    /// What the scene has proved.
    pub(super) fn proved(&self, fact: impl Display) {
        let tick = self.styled(Style::Green, "✓");
        line(&format!("    {tick} {fact}"));
    }

    pub(super) fn failed(&self, what: impl Display) {
        let cross = self.styled(Style::Red, "✗");
        let indented = what.to_string().replace('\n', "\n      ");
        line(&format!("    {cross} {indented}"));
    }

    fn labelled(&self, label: &str, style: Style, text: &str) {
        for (index, part) in text.lines().enumerate() {
            let label = format!("{:<LABEL$}", if index == 0 { label } else { "" });
            line(&format!(
                "    {}{}",
                self.styled(Style::Dim, &label),
                self.styled(style, part)
            ));
        }
    }

    fn styled(&self, style: Style, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let code = match style {
            Style::Bold => 1,
            Style::Dim => 2,
            Style::Blue => 36,
            Style::Green => 32,
            Style::Red => 31,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Says something outside of all scenes.
pub(super) fn line(text: &str) {
    let _ = writeln!(stdout(), "{text}");
}

/// A document's beginning.
pub(super) fn shorten(body: &str) -> String {
    match body.char_indices().nth(BODY_CHARS) {
        Some((end, _)) => format!("{}…", body.get(..end).unwrap_or(body)),
        None => body.to_owned(),
    }
}

/// `12,345`.
pub(super) fn thousands(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or_default().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        for (number, text) in [(0_u64, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
    }

    #[test]
    fn bodies_are_cut_between_characters() {
        assert_eq!(shorten("{}"), "{}");
        assert_eq!(shorten(&"ü".repeat(200)), format!("{}…", "ü".repeat(BODY_CHARS)));
    }
}
