//! Words that findings have in common.

/// The word that was probably meant; capitals do not count.
pub fn nearest<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    let found = found.to_lowercase();
    let distances = known
        .iter()
        .map(|word| (strsim::damerau_levenshtein(&found, &word.to_lowercase()), *word));
    let (distance, word) = distances.min_by_key(|(distance, _)| *distance)?;
    // A third of the letters may be wrong; of short words, one.
    (distance <= (found.chars().count().max(3) / 3)).then_some(word)
}

/// `` `a`, `b` or `c` `` with the quotes given.
pub fn listed(words: &[&str], quote: char) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("{quote}{word}{quote}")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// A value in quotes, if it is fit to stand in a sentence. One that swallowed half of the file for want of a quote is not,
/// nor is what may have a password in it.
pub fn quoted(value: &str) -> String {
    let fit = value.chars().count() <= 63 && !value.contains(char::is_control) && !value.contains("://");
    if fit { format!("\"{value}\"") } else { "this".to_owned() }
}

/// A dotted path with one more key, which is quoted where TOML wants it.
pub fn dotted(path: &str, key: &str) -> String {
    let bare = !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let key = if bare { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_offered_only_when_it_is_near() {
        assert_eq!(nearest("tabel", &["document", "table", "sink"]), Some("table"));
        assert_eq!(nearest("uri", &["url", "slot"]), Some("url"));
        assert_eq!(nearest("frequency", &["url", "slot"]), None);
        assert_eq!(nearest("x", &[]), None);
    }

    #[test]
    fn a_value_is_quoted_only_when_it_is_fit_to_be() {
        assert_eq!(quoted("restart"), "\"restart\"");
        assert_eq!(quoted("a\nb"), "this");
        assert_eq!(quoted("http://a:b@c"), "this");
    }

    #[test]
    fn lists_and_paths_read_well() {
        assert_eq!(listed(&["a"], '`'), "`a`");
        assert_eq!(listed(&["a", "b", "c"], '"'), "\"a\", \"b\" or \"c\"");
        assert_eq!(dotted("syncs", "orders"), "syncs.orders");
        assert_eq!(dotted("syncs", "my orders"), "syncs.\"my orders\"");
    }
}
