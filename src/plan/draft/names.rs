//! What things in a draft are called.

use std::collections::HashSet;

use crate::catalog::Column;

/// The longest name of a member or a node.
const BYTES_MAX: usize = 63;

/// Words that name what nobody wants to send elsewhere.
const SECRET_WORDS: [&str; 19] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "secrets",
    "token",
    "tokens",
    "ssn",
    "salt",
    "otp",
    "totp",
    "cvv",
    "cvc",
    "pin",
    "credential",
    "credentials",
    "apikey",
];

/// The same in two words.
const SECRET_PAIRS: [[&str; 2]; 6] = [
    ["api", "key"],
    ["private", "key"],
    ["access", "key"],
    ["card", "number"],
    ["social", "security"],
    ["password", "hash"],
];

/// Endings of columns that refer to a row elsewhere.
const REFERRING: [&str; 8] = ["_id", "_uuid", "_fk", "_key", "_no", "_code", "Id", "ID"];

/// Names that are taken, whatever their case.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    pub fn claim(&mut self, name: &str) {
        self.0.insert(name.to_lowercase());
    }

    pub fn is_free(&self, name: &str) -> bool {
        !self.0.contains(&name.to_lowercase())
    }
}

/// The first suggestion that is free, or the last one with a number.
pub(super) fn choose(suggestions: &[String], free: impl Fn(&str) -> bool) -> String {
    let fits = |name: &&String| !name.is_empty() && name.len() <= BYTES_MAX && free(name);
    if let Some(name) = suggestions.iter().find(fits) {
        return name.clone();
    }
    let last = suggestions.last().map_or("child", String::as_str);
    // Room for a number.
    let base = last.get(..last.floor_char_boundary(BYTES_MAX - 6)).unwrap_or(last);
    (2..=u16::MAX)
        .map(|number| format!("{base}_{number}"))
        .find(|name| free(name))
        .expect("no table has so many columns and neighbours")
}

/// `customer_id` → `customer`. Nothing for several columns, and none that would be the column itself.
pub(super) fn stem(columns: &[String]) -> Option<String> {
    let [column] = columns else { return None };
    let stem = REFERRING.iter().find_map(|ending| column.strip_suffix(ending))?;
    (!stem.is_empty()).then(|| stem.to_owned())
}

/// `customers` → `customer`, `categories` → `category`, `boxes` → `box`; what it does not know stays.
pub(super) fn singular(name: &str) -> String {
    for (many, one) in [
        ("ies", "y"),
        ("sses", "ss"),
        ("xes", "x"),
        ("ches", "ch"),
        ("shes", "sh"),
    ] {
        if let Some(stem) = name.strip_suffix(many).filter(|stem| stem.len() > 1) {
            return format!("{stem}{one}");
        }
    }
    let plain = name.strip_suffix('s');
    let plain = plain.filter(|stem| stem.len() > 1 && !stem.ends_with(['s', 'u', 'i']));
    plain.unwrap_or(name).to_owned()
}

/// `order_lines` within `orders` → `lines`.
pub(super) fn without_prefix(name: &str, parent: &str) -> String {
    let prefixes = [singular(parent), parent.to_owned()];
    let short = prefixes
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix.as_str())?.strip_prefix('_'));
    short.filter(|short| !short.is_empty()).unwrap_or(name).to_owned()
}

/// A name that a sync may have.
pub(super) fn label(table: &str) -> String {
    let plain = |c: char| {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-' {
            c
        } else {
            '_'
        }
    };
    let label: String = table.chars().map(plain).take(BYTES_MAX).collect();
    let label = label.trim_matches('_');
    if label.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        label.to_owned()
    } else {
        "documents".to_owned()
    }
}

/// Whether a column is named like something that should stay where it is.
pub(super) fn is_secret(column: &str) -> bool {
    let words = words(column);
    let pair = |pair: &[String]| matches!(pair, [one, two] if SECRET_PAIRS.contains(&[one.as_str(), two.as_str()]));
    words.iter().any(|word| SECRET_WORDS.contains(&word.as_str())) || words.windows(2).any(pair)
}

/// `apiKey_2` → `api`, `key`, `2`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && after_lower) {
            words.push(String::new());
        }
        if c.is_alphanumeric() {
            words.last_mut().expect("there is always one").extend(c.to_lowercase());
        }
        after_lower = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// When a row was made or changed.
pub(super) fn is_timestamp(column: &Column) -> bool {
    column.sql_type.starts_with("timestamp") || column.sql_type == "date"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_stripped_of_what_makes_it_refer() {
        let stem = |column: &str| stem(&[column.to_owned()]);
        assert_eq!(stem("customer_id").as_deref(), Some("customer"));
        assert_eq!(stem("CustomerId").as_deref(), Some("Customer"));
        assert_eq!(stem("country_code").as_deref(), Some("country"));
        assert_eq!(stem("owner"), None);
        assert_eq!(stem("_id"), None);
    }

    #[test]
    fn one_of_many_has_the_singular() {
        for (many, one) in [
            ("customers", "customer"),
            ("categories", "category"),
            ("addresses", "address"),
            ("boxes", "box"),
            ("status", "status"),
            ("address", "address"),
            ("media_type", "media_type"),
        ] {
            assert_eq!(singular(many), one);
        }
    }

    #[test]
    fn the_parent_is_not_named_twice() {
        assert_eq!(without_prefix("order_lines", "orders"), "lines");
        assert_eq!(without_prefix("orders_lines", "orders"), "lines");
        assert_eq!(without_prefix("orderly", "orders"), "orderly");
        assert_eq!(without_prefix("order_", "orders"), "order_");
    }

    #[test]
    fn secrets_are_known_by_whole_words() {
        for secret in [
            "password_hash",
            "apiKey",
            "reset_token",
            "SSN",
            "private_key_2",
            "cardNumber",
        ] {
            assert!(is_secret(secret), "{secret}");
        }
        for harmless in ["tokenized", "key", "card", "spin", "secretary", "passport_office"] {
            assert!(!is_secret(harmless), "{harmless}");
        }
    }

    #[test]
    fn a_taken_name_gets_a_number_at_the_end() {
        let suggestions = ["a".to_owned(), "b".to_owned()];
        assert_eq!(choose(&suggestions, |name| name != "a"), "b");
        assert_eq!(choose(&suggestions, |name| !["a", "b", "b_2"].contains(&name)), "b_3");
        let long = ["x".repeat(64)];
        assert!(choose(&long, |_| true).len() <= BYTES_MAX);
    }
}
