//! What people get to read of an answer or an error: one short line without secrets.
//!
//! Servers do repeat what they were sent: `invalid token sk_live_…`. So whatever of the configuration may be a secret is
//! looked for in every text that comes from outside: header values and their words, user and password, parameters of the
//! query, and path segments long enough to be a token. Credentials that come later, from files or as tokens, are learnt.

use std::collections::VecDeque;
use std::sync::Mutex;

use percent_encoding::percent_decode_str;
use reqwest::Url;

/// Most bytes of a text that people get to read.
const EXCERPT_BYTES_MAX: usize = 512;

/// A secret so short is replaced only where it stands alone: `v=1` must not take every `1` out of every message.
const SHORT_BYTES: usize = 6;

/// A path segment of the configuration so long may be a token (as in the url of a web hook), shorter ones are words.
const TOKEN_BYTES_MIN: usize = 16;

pub(in crate::publish) const REDACTED: &str = "***";

/// Tokens come again and again; an answer repeats one that was sent lately.
const LEARNT_MAX: usize = 16;

/// What must not be read.
#[derive(Default)]
pub(in crate::publish) struct Secrets {
    /// Longest first, so that no part of a secret is replaced before the whole.
    texts: Vec<String>,
    /// The newest last. Held for a look or a change only.
    learnt: Mutex<VecDeque<String>>,
}

impl Secrets {
    /// Each of the urls is one of the sink's, with what the configuration says literally behind its host.
    pub fn new<'a>(headers: impl Iterator<Item = &'a str>, urls: &[(Url, Vec<&str>)]) -> Self {
        let mut secrets = Self::default();
        for value in headers {
            secrets.add(value);
            let words = value.split_whitespace().filter(|word| !is_scheme(word));
            words.for_each(|word| secrets.add(word));
        }
        for (sample, literals) in urls {
            secrets.add_url(sample, literals);
        }
        secrets.sort();
        secrets
    }

    /// With a credential of the configuration, which will be kept from view like all others.
    pub fn with(mut self, secret: &str) -> Self {
        self.add(secret);
        self.sort();
        self
    }

    /// Takes note of a credential that was not known before. Of these only the newest are remembered.
    pub fn learn(&self, secret: &str) {
        let mut learnt = self.learnt.lock().expect("no holder panics");
        if secret.is_empty() || learnt.iter().any(|known| known == secret) {
            return;
        }
        if learnt.len() == LEARNT_MAX {
            learnt.pop_front();
        }
        learnt.push_back(secret.to_owned());
    }

    fn sort(&mut self) {
        self.texts.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self.texts.dedup();
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
    pub fn excerpt(&self, text: &str, cut: bool) -> String {
        let known = self.known();
        let whole = if cut { without_broken(&known, text) } else { text };
        one_line(&redacted(&known, whole), cut)
    }

    /// `text` without secrets.
    pub fn redacted(&self, text: &str) -> String {
        redacted(&self.known(), text)
    }

    fn known(&self) -> Vec<String> {
        let learnt = self.learnt.lock().expect("no holder panics");
        learnt.iter().rev().chain(&self.texts).cloned().collect()
    }
}

fn redacted(secrets: &[String], text: &str) -> String {
    secrets
        .iter()
        .fold(text.to_owned(), |text, secret| replaced(&text, secret))
}

/// `text` without a secret at its end of which the rest was cut off.
fn without_broken<'t>(secrets: &[String], text: &'t str) -> &'t str {
    let broken_at = secrets.iter().filter_map(|secret| {
        let ends = secret.char_indices().map(|(at, _)| at).rev();
        ends.filter(|&at| at > 0)
            .find(|&at| text.ends_with(&secret[..at]))
            .map(|at| text.len() - at)
    });
    &text[..broken_at.min().unwrap_or(text.len())]
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
