//! What people get to read of an answer or an error: one short line without secrets.
//!
//! Servers do repeat what they were sent: `invalid token sk_live_…`. So whatever of the configuration may be a secret is
//! looked for in every text that comes from outside: header values and their words, user and password, parameters of the
//! query, and path segments long enough to be a token.

use percent_encoding::percent_decode_str;
use reqwest::Url;

/// Most bytes of a text that people get to read.
const EXCERPT_BYTES_MAX: usize = 512;

/// A secret so short is replaced only where it stands alone: `v=1` must not take every `1` out of every message.
const SHORT_BYTES: usize = 6;

/// A path segment of the configuration so long may be a token (as in the url of a web hook), shorter ones are words.
const TOKEN_BYTES_MIN: usize = 16;

const REDACTED: &str = "***";

/// What must not be read.
#[derive(Default)]
pub(super) struct Secrets {
    /// Longest first, so that no part of a secret is replaced before the whole.
    texts: Vec<String>,
}

impl Secrets {
    /// Each of the urls is one of the sink's, with what the configuration says literally behind its host.
    pub(super) fn new<'a>(headers: impl Iterator<Item = &'a str>, urls: &[(Url, Vec<&str>)]) -> Self {
        let mut secrets = Self::default();
        for value in headers {
            secrets.add(value);
            let words = value.split_whitespace().filter(|word| !is_scheme(word));
            words.for_each(|word| secrets.add(word));
        }
        for (sample, literals) in urls {
            secrets.add_url(sample, literals);
        }
        secrets
            .texts
            .sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        secrets.texts.dedup();
        secrets
    }

    fn add_url(&mut self, sample: &Url, literals: &[&str]) {
        self.add(sample.username());
        self.add(sample.password().unwrap_or_default());
        let mut in_query = false;
        for &literal in literals {
            let (path, query) = match literal.split_once('?') {
                _ if in_query => ("", literal),
                Some(halves) => {
                    in_query = true;
                    halves
                }
                None => (literal, ""),
            };
            path.split('/')
                .filter(|segment| segment.len() >= TOKEN_BYTES_MIN)
                .for_each(|token| self.add(token));
            for parameter in query.split(['&', '#']) {
                self.add(parameter.split_once('=').map_or("", |(_, value)| value));
            }
        }
    }

    /// Adds a secret in each form in which another program may print it.
    fn add(&mut self, secret: &str) {
        let decoded = percent_decode_str(secret).decode_utf8_lossy();
        let in_json = serde_json::Value::from(&*decoded).to_string();
        let forms = [secret, &*decoded, in_json.trim_matches('"')];
        self.texts
            .extend(forms.into_iter().filter(|form| !form.is_empty()).map(str::to_owned));
    }

    /// The start of `text` as one line without secrets. `cut`: more followed, which was not read.
    pub(super) fn excerpt(&self, text: &str, cut: bool) -> String {
        let whole = if cut { self.without_broken_secret(text) } else { text };
        let mut redacted = whole.to_owned();
        for secret in &self.texts {
            redacted = replaced(&redacted, secret);
        }
        one_line(&redacted, cut)
    }

    /// `text` without a secret at its end of which the rest was cut off.
    fn without_broken_secret<'t>(&self, text: &'t str) -> &'t str {
        let broken_at = self.texts.iter().filter_map(|secret| {
            let ends = secret.char_indices().map(|(at, _)| at).rev();
            ends.filter(|&at| at > 0)
                .find(|&at| text.ends_with(&secret[..at]))
                .map(|at| text.len() - at)
        });
        &text[..broken_at.min().unwrap_or(text.len())]
    }
}

/// Names of ways to authenticate, which stand before the secret: "bearer token missing" is worth reading.
fn is_scheme(word: &str) -> bool {
    ["basic", "bearer", "digest", "token", "apikey"]
        .iter()
        .any(|scheme| word.eq_ignore_ascii_case(scheme))
}

fn replaced(text: &str, secret: &str) -> String {
    if secret.len() >= SHORT_BYTES {
        return text.replace(secret, REDACTED);
    }
    let mut out = String::new();
    let mut done = 0;
    for (at, _) in text.match_indices(secret) {
        let end = at + secret.len();
        let before = text[..at].chars().next_back();
        let after = text[end..].chars().next();
        if ![before, after].into_iter().flatten().any(char::is_alphanumeric) {
            out.push_str(&text[done..at]);
            out.push_str(REDACTED);
            done = end;
        }
    }
    out.push_str(&text[done..]);
    out
}

/// White space and control characters become single spaces; `…` says that something is missing.
fn one_line(text: &str, mut cut: bool) -> String {
    let mut line = String::new();
    for word in text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
    {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > EXCERPT_BYTES_MAX {
            line.truncate(line.floor_char_boundary(EXCERPT_BYTES_MAX));
            cut = true;
            break;
        }
    }
    if cut && !line.is_empty() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(headers: &[&str], url: &str) -> Secrets {
        let behind_host = url.splitn(4, '/').nth(3).unwrap_or_default();
        Secrets::new(
            headers.iter().copied(),
            &[(Url::parse(url).unwrap(), vec![behind_host])],
        )
    }

    #[test]
    fn secrets_are_not_repeated() {
        let secrets = secrets(
            &["Bearer sk_live_4711", "quote\"d secret"],
            "https://us%40er:p%2Fw@h/hooks/T0000000/B11111111111111111111/x?key=k%C3%A9y&v=1&flag&n=abc#end",
        );
        let cases = [
            ("invalid token sk_live_4711", "invalid token ***"),
            (
                "Bearer sk_live_471 is no bearer token",
                "Bearer sk_live_471 is no bearer token",
            ),
            ("got 'Bearer sk_live_4711'!", "got '***'!"),
            (r#"{"got": "quote\"d secret"}"#, r#"{"got": "***"}"#),
            ("user us@er or us%40er", "user *** or ***"),
            ("p/w p%2Fw xp/wx", "*** *** xp/wx"),
            ("/hooks/T0000000/B11111111111111111111", "/hooks/T0000000/***"),
            ("?key=k%C3%A9y, kéy", "?key=***, ***"),
            ("HTTP 10.11, line 1: abc, abcd", "HTTP 10.11, line ***: ***, abcd"),
            ("flag", "flag"),
        ];
        for (text, expected) in cases {
            assert_eq!(secrets.excerpt(text, false), expected);
        }
    }

    #[test]
    fn a_secret_that_was_cut_off_is_not_repeated_either() {
        let secrets = secrets(&["sk_live_4711"], "https://h/");
        assert_eq!(secrets.excerpt("sent sk_live_47", true), "sent…");
        assert_eq!(secrets.excerpt("sent sk_live_4711 twice: s", true), "sent *** twice:…");
        assert_eq!(secrets.excerpt("sent sk_live_47", false), "sent sk_live_47");
    }

    #[test]
    fn an_excerpt_is_one_short_line() {
        let none = Secrets::default();
        let cases = [
            ("", false, ""),
            ("", true, ""),
            ("  a\r\n\tb\u{0}\u{1b}[31mc \u{2028} d ", false, "a b [31mc d"),
            ("a", true, "a…"),
        ];
        for (text, cut, expected) in cases {
            assert_eq!(none.excerpt(text, cut), expected);
        }
        let long = none.excerpt(&"é".repeat(1000), false);
        assert_eq!(long, format!("{}…", "é".repeat(256)));
        assert_eq!(
            none.excerpt(&"ab ".repeat(1000), false).len(),
            EXCERPT_BYTES_MAX + "…".len()
        );
    }
}
