//! Secrets in the text of the file: what is hidden of it, before any of it is shown.
//!
//! Values that were understood are hidden by their own rules, see [`mask`](super::mask). Here is what holds where nothing
//! was understood.

use std::ops::Range;

/// `user:password@` after any `://`, for lines that nobody has understood yet.
pub fn passwords_in_urls(text: &str) -> Vec<Range<usize>> {
    let starts = text.match_indices("://").map(|(at, found)| at + found.len());
    starts
        .filter_map(|start| {
            let line = text[start..].split(['"', '\'', '\n', ' ']).next().unwrap_or_default();
            let password = line.find(':')? + 1..line.rfind('@')?;
            // What is a reference and nothing else may be read.
            let hidden = !password.is_empty() && !line[password.clone()].starts_with("${");
            hidden.then(|| start + password.start..start + password.end)
        })
        .collect()
}

/// For a file that is not TOML, where nobody can say which value belongs to which key: in sections that may hold secrets,
/// all but the keys; elsewhere, lines that sound secret, in case a section's header is what is broken.
pub fn secrets_of_damaged(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut guarded = true;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end();
        let header = content.trim_start().strip_prefix('[');
        if let Some(header) = header {
            guarded = !OPEN_SECTIONS.contains(&first_word(header.trim_start_matches('[')));
        }
        let shown = match header {
            Some(header) if SECTIONS.contains(&first_word(header)) => {
                content.len() - header.len() + header_length(header)
            }
            None if !guarded && !sounds_secret(content) => content.len(),
            None => key_length(content),
            Some(_) => 0,
        };
        ranges.push(at + shown..at + content.len());
        at += line.len();
    }
    ranges
}

const SECTIONS: [&str; 6] = ["source", "state", "engine", "admin", "sinks", "syncs"];
const OPEN_SECTIONS: [&str; 2] = ["engine", "syncs"];

/// Keys of the other sections, which may be shown because they are not the user's.
const KEYS: [&str; 40] = [
    "url",
    "host",
    "port",
    "user",
    "password",
    "database",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "publication",
    "slot",
    "manage",
    "column_lists",
    "failover",
    "on_lost_slot",
    "heartbeat",
    "read_wait",
    "read_fallback",
    "schema",
    "listen",
    "token",
    "type",
    "method",
    "timeout",
    "headers",
    "body",
    "create",
    "id",
    "delete",
    "batch",
    "max",
    "format",
    "results",
    "ok",
    "reject",
    "index",
    "routing",
    "pipeline",
    "mapping",
];

fn sounds_secret(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    ["url", "passw", "token", "secret", "auth", "header", "://"]
        .iter()
        .any(|sound| line.contains(sound))
}

/// What may be shown of `key = …`.
fn key_length(line: &str) -> usize {
    let name = line.trim_start();
    let (name, rest) = name.split_at(name_length(name));
    match rest.trim_start().strip_prefix('=') {
        Some(value) if KEYS.contains(&name) => line.len() - value.trim_start().len(),
        _ => 0,
    }
}

/// What may be shown of `[a.b]`, after the first bracket.
fn header_length(header: &str) -> usize {
    let length = name_length(header);
    length + usize::from(header[length..].starts_with(']'))
}

fn name_length(text: &str) -> usize {
    text.find(|next: char| !next.is_ascii_alphanumeric() && !"_-.".contains(next))
        .unwrap_or(text.len())
}

fn first_word(text: &str) -> &str {
    text[..name_length(text)].split('.').next().unwrap_or_default()
}

/// Writes `*` over the ranges. Length and lines stay.
pub fn blot<'a>(text: &str, ranges: impl Iterator<Item = &'a Range<usize>>) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for byte in ranges.flat_map(|range| bytes_of(text, range)) {
        if !matches!(bytes[byte], b'\n' | b'\r') {
            bytes[byte] = b'*';
        }
    }
    String::from_utf8(bytes).expect("whole characters were replaced")
}

fn bytes_of(text: &str, range: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(range.start);
    start..text.ceil_char_boundary(range.end.max(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_file_gives_nothing_away() {
        let text =
            "[source]\nurl = \"postgres://app:hunter2@db\n[sinks.a.headers]\nx-a = 'hunter2'\n[engine]\nworkers = 4\n";
        let shown = blot(text, secrets_of_damaged(text).iter());
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("workers = 4"), "{shown}");
    }

    #[test]
    fn passwords_in_urls_are_found_anywhere() {
        let text = "# was postgres://app:hunter2@db/x\ny = \"http://a:${PW}@b\"\nz = \"http://a:8080/x\"\n";
        let shown = blot(text, passwords_in_urls(text).iter());
        assert_eq!(shown, text.replace("hunter2", "*******"));
    }
}
