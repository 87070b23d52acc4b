//! Takes the keys of one table, one by one. Whatever is wrong with a value becomes a [`Problem`] and reading goes on;
//! whatever key nobody asked for is unknown.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::reading::{At, Field, Passage, Reading};
use super::{expand, units};
use crate::config::mask::Secrecy;
use crate::config::wording::{dotted, listed, nearest, quoted};
use crate::config::{Place, Problem, Rate, Secret};

type Value<'a> = Spanned<DeValue<'a>>;

pub struct Reader<'a> {
    reading: &'a Reading<'a>,
    table: &'a DeTable<'a>,
    /// The header of the table, or its name where it has none.
    pub place: Place,
    /// Whether keys that are misspelt or not understood may hold secrets.
    guarded: bool,
    known: Vec<&'static str>,
}

/// One key of a table and what it holds.
#[derive(Clone)]
pub struct Entry<'a> {
    pub name: String,
    pub key_place: Place,
    pub value_place: Place,
    pub value: &'a Value<'a>,
}

impl<'a> Reader<'a> {
    pub fn root(reading: &'a Reading<'a>, table: &'a DeTable<'a>) -> Self {
        Self {
            reading,
            table,
            place: Place::absent(""),
            guarded: true,
            known: Vec::new(),
        }
    }

    /// For a table without any key that holds a secret: what is not understood may be shown.
    pub fn unguarded(mut self) -> Self {
        self.guarded = false;
        self
    }

    /// Whether a variable of the environment holds anything.
    pub fn is_set(&self, variable: &str) -> bool {
        (self.reading.env)(variable).is_some_and(|value| !value.is_empty())
    }

    pub fn report(&self, problem: Problem) {
        self.reading.report(problem);
    }

    pub fn string(&mut self, key: &'static str) -> Field<String> {
        self.read(key, |reader, entry| reader.text(entry, "a string"))
    }

    /// Kept from view wherever the file is shown.
    pub fn secret(&mut self, key: &'static str, secrecy: Secrecy) -> Field<SecretString> {
        self.read(key, |reader, entry| {
            reader.reading.hide(entry.value, secrecy);
            reader.text(entry, "a string").map(SecretString::from)
        })
    }

    /// The same for a value that is read again whenever it is needed, where it has a file of its own.
    pub fn renewable(&mut self, key: &'static str, secrecy: Secrecy) -> Field<Secret> {
        self.read(key, |reader, entry| {
            reader.reading.hide(entry.value, secrecy);
            reader.renewable_of(entry, "a string")
        })
    }

    /// A list of such; one alone may go without brackets.
    pub fn renewables(&mut self, key: &'static str, secrecy: Secrecy) -> Field<Vec<At<Secret>>> {
        self.read(key, |reader, entry| {
            reader.reading.hide(entry.value, secrecy);
            reader.list_of(entry, Self::renewable_of)
        })
    }

    fn renewable_of(&self, entry: &Entry<'a>, wanted: &str) -> Option<Secret> {
        let (text, file) = self.text_and_file(entry, wanted)?;
        Some(match file {
            Some(file) => Secret::of_file(text, file),
            None => Secret::from(SecretString::from(text)),
        })
    }

    pub fn boolean(&mut self, key: &'static str) -> Field<bool> {
        self.read(key, |reader, entry| match entry.value.get_ref() {
            DeValue::Boolean(boolean) => Some(*boolean),
            _ => reader.mistyped(entry, "`true` or `false`"),
        })
    }

    pub fn count(&mut self, key: &'static str) -> Field<u64> {
        self.read(key, |reader, entry| match entry.value.get_ref() {
            DeValue::Integer(integer) => {
                let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
                number.or_else(|| reader.refuse(entry, "is out of range", "a whole number that is not negative"))
            }
            _ => reader.mistyped(entry, "a whole number"),
        })
    }

    pub fn duration(&mut self, key: &'static str) -> Field<Duration> {
        self.read(key, |reader, entry| {
            let text = reader.text(entry, "a duration, a string such as \"30s\"")?;
            let duration = units::parse_duration(&text);
            duration.or_else(|| reader.refuse(entry, "is not a duration", units::DURATION_WANTED))
        })
    }

    pub fn size(&mut self, key: &'static str) -> Field<u64> {
        self.read(key, |reader, entry| {
            let text = reader.text(entry, "a size, a string such as \"8MiB\"")?;
            units::parse_size(&text).or_else(|| reader.refuse(entry, "is not a size", units::SIZE_WANTED))
        })
    }

    pub fn rate(&mut self, key: &'static str) -> Field<Rate> {
        self.read(key, |reader, entry| {
            let text = reader.text(entry, "a rate, a string such as \"100/s\"")?;
            units::parse_rate(&text).or_else(|| reader.refuse(entry, "is not a rate", units::RATE_WANTED))
        })
    }

    /// One of a few words.
    pub fn word<T: Copy>(&mut self, key: &'static str, words: &[(&'static str, T)]) -> Field<T> {
        self.read(key, |reader, entry| {
            let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let text = reader.text(entry, &listed(&names, '"'))?;
            if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
                return Some(*meaning);
            }
            let problem = Problem::at(&entry.value_place, format!("`{key}` can't be {}", quoted(&text)));
            let problem = problem.label(format!("wanted is {}", listed(&names, '"')));
            reader.report(match nearest(&text, &names) {
                Some(word) => problem.help(format!("did you mean \"{word}\"?")),
                None => problem,
            });
            None
        })
    }

    /// A text in a language of its own, in which places are pointed at.
    pub fn passage(&mut self, key: &'static str) -> Field<Passage> {
        self.read(key, |reader, entry| {
            let text = reader.text(entry, "a string")?;
            let written = reader.reading.written(&entry.value_place.span);
            // Escapes and what is taken from outside make another text of what is written.
            let at = written.find(&text);
            Some(Passage {
                verbatim_at: at.map(|at| entry.value_place.span.start + at),
                from_outside: at.is_none() && (written.contains("${") || written.contains("file:/")),
                text,
            })
        })
    }

    /// A list of strings; one alone may go without brackets.
    pub fn strings(&mut self, key: &'static str) -> Field<Vec<At<String>>> {
        self.read(key, |reader, entry| Some(reader.strings_of(entry)?.value))
    }

    pub fn strings_of(&self, entry: &Entry<'a>) -> Option<At<Vec<At<String>>>> {
        let strings = self.list_of(entry, Self::text)?;
        Some(At::new(strings, entry.value_place.clone()))
    }

    /// `one` is told what is wanted, for where it finds something else.
    fn list_of<T>(&self, entry: &Entry<'a>, one: impl Fn(&Self, &Entry<'a>, &str) -> Option<T>) -> Option<Vec<At<T>>> {
        match entry.value.get_ref() {
            DeValue::Array(items) => {
                let item = |value: &'a Value<'a>| {
                    let place = Place::new(entry.value_place.path.clone(), value.span());
                    let item = Entry {
                        value_place: place.clone(),
                        value,
                        ..entry.clone()
                    };
                    Some(At::new(one(self, &item, "a list of strings")?, place))
                };
                every(items.iter().map(item))
            }
            DeValue::String(_) => Some(vec![At::new(one(self, entry, "a string")?, entry.value_place.clone())]),
            _ => self.mistyped(entry, "a list of strings"),
        }
    }

    /// A table whose keys are names of the user's, with a string each: `(name at its key, string at its value)`.
    pub fn named_strings(&mut self, key: &'static str) -> Field<Vec<(At<String>, At<String>)>> {
        self.read(key, |reader, entry| {
            let table = reader.child(entry)?;
            let pair = |entry: Entry<'a>| {
                let text = reader.text(&entry, "a string")?;
                Some((At::new(entry.name, entry.key_place), At::new(text, entry.value_place)))
            };
            every(table.entries().into_iter().map(pair))
        })
    }

    /// Like [`Reader::named_strings`], with secrets.
    pub fn named_secrets(&mut self, key: &'static str) -> Field<Vec<(At<String>, At<SecretString>)>> {
        if let Some(entry) = self.entry(key) {
            self.reading.hide(entry.value, Secrecy::Whole);
        }
        let secret = |text: At<String>| At::new(SecretString::from(text.value), text.place);
        self.named_strings(key)
            .map(|pairs| pairs.into_iter().map(|(name, text)| (name, secret(text))).collect())
    }

    pub fn table(&mut self, key: &'static str) -> Field<Reader<'a>> {
        self.read(key, Self::child)
    }

    /// A table of secrets: whatever is there in its place is kept from view.
    pub fn table_of_secrets(&mut self, key: &'static str) -> Field<Reader<'a>> {
        let entry = self.entry(key);
        if let Some(entry) = entry.filter(|entry| !entry.value.get_ref().is_table()) {
            self.reading.hide(entry.value, Secrecy::Whole);
        }
        self.table(key)
    }

    /// Tables under names of the user's, in the order of the file; each name with the place of its table.
    pub fn tables(&mut self, key: &'static str) -> Vec<(At<String>, Reader<'a>)> {
        let Some(At { value: reader, .. }) = self.table(key).into_given() else {
            return Vec::new();
        };
        let named = |entry: Entry<'a>| {
            let child = reader.child(&entry)?;
            Some((At::new(entry.name, child.place.clone()), child))
        };
        reader.entries().into_iter().filter_map(named).collect()
    }

    /// A value of any type, for those who look at it themselves.
    pub fn any(&mut self, key: &'static str) -> Option<Entry<'a>> {
        self.know(key);
        self.entry(key)
    }

    /// All keys with their values, in the order of the file.
    pub fn entries(&self) -> Vec<Entry<'a>> {
        let mut entries: Vec<_> = self
            .table
            .iter()
            .map(|(key, value)| self.entry_of(key, value))
            .collect();
        entries.sort_by_key(|entry| entry.key_place.span.start);
        entries
    }

    /// Every key that nobody has asked for is unknown. What it holds may be a secret under a misspelt name.
    pub fn finish(self) {
        self.finish_with(|_| None);
    }

    /// The same, with better advice on some keys.
    pub fn finish_with(self, advice: impl Fn(&Entry<'a>) -> Option<String>) {
        for entry in self.entries() {
            if self.known.contains(&entry.name.as_str()) {
                continue;
            }
            self.guard(&entry);
            let problem = Problem::at(&entry.key_place, format!("unknown key `{}`", entry.name));
            let problem = match &*self.place.path {
                "" => problem.label("not a section of this file"),
                path => problem.label(format!("not a key of `{path}`")),
            };
            let help = advice(&entry).unwrap_or_else(|| match nearest(&entry.name, &self.known) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("known here: {}", listed(&self.known, '`')),
            });
            self.report(problem.help(help));
        }
    }

    /// Nothing more of this table makes sense; what it holds is kept from view all the same.
    pub fn abandon(self) {
        for entry in self.entries() {
            if !self.known.contains(&entry.name.as_str()) {
                self.guard(&entry);
            }
        }
    }

    /// A string, with all that it takes from outside.
    pub fn text(&self, entry: &Entry<'a>, wanted: &str) -> Option<String> {
        self.text_and_file(entry, wanted).map(|(text, _)| text)
    }

    fn text_and_file(&self, entry: &Entry<'a>, wanted: &str) -> Option<(String, Option<PathBuf>)> {
        let DeValue::String(text) = entry.value.get_ref() else {
            return self.mistyped(entry, wanted);
        };
        match expand::expand(text, self.reading.env) {
            Ok(found) => Some(found),
            Err(errors) => {
                for error in &errors {
                    self.report_expansion(entry, error);
                }
                None
            }
        }
    }

    /// A table under this one.
    pub fn child(&self, entry: &Entry<'a>) -> Option<Reader<'a>> {
        let DeValue::Table(table) = entry.value.get_ref() else {
            return self.mistyped(entry, "a table");
        };
        // A table with a header of its own is shown by its header, any other by its name.
        let has_header = self.reading.written(&entry.value_place.span).starts_with('[');
        let place = if has_header {
            &entry.value_place
        } else {
            &entry.key_place
        };
        let mut child = Self::root(self.reading, table);
        child.place = place.clone();
        child.guarded = self.guarded;
        Some(child)
    }

    pub fn mistyped<T>(&self, entry: &Entry<'a>, wanted: &str) -> Option<T> {
        self.report(Self::wrong_type(entry, wanted));
        None
    }

    /// The same, with what to do instead.
    pub fn mistyped_but<T>(&self, entry: &Entry<'a>, wanted: &str, help: impl Into<String>) -> Option<T> {
        self.report(Self::wrong_type(entry, wanted).help(help));
        None
    }

    fn wrong_type(entry: &Entry<'a>, wanted: &str) -> Problem {
        let found = match entry.value.get_ref() {
            DeValue::Integer(_) => "an integer",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
            DeValue::String(_) => "a string",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date or time",
        };
        let problem = Problem::at(&entry.value_place, format!("`{}` must be {wanted}", entry.name));
        problem.label(format!("this is {found}"))
    }

    fn guard(&self, entry: &Entry<'a>) {
        if self.guarded {
            self.reading.hide(entry.value, Secrecy::Whole);
        }
    }

    pub fn refuse<T>(&self, entry: &Entry<'a>, reason: &str, wanted: &str) -> Option<T> {
        let problem = Problem::at(&entry.value_place, format!("the value of `{}` {reason}", entry.name));
        self.report(problem.help(format!("wanted is {wanted}")));
        None
    }

    fn report_expansion(&self, entry: &Entry<'a>, error: &expand::ExpandError) {
        let Place { path, span } = &entry.value_place;
        let needle = error.needle();
        let found = self.reading.written(span).find(&needle).map(|at| span.start + at);
        let span = found.map_or(span.clone(), |start| start..start + needle.len());
        let problem = Problem::at(&Place::new(path.clone(), span), error.to_string());
        self.report(match error.help() {
            Some(help) => problem.help(help),
            None => problem,
        });
    }

    /// The value of a key, whatever it takes to make one of it.
    pub fn read<T>(&mut self, key: &'static str, value_of: impl FnOnce(&Self, &Entry<'a>) -> Option<T>) -> Field<T> {
        self.know(key);
        let Some(entry) = self.entry(key) else {
            return Field::Absent;
        };
        match value_of(self, &entry) {
            Some(value) => Field::Given(At::new(value, entry.value_place)),
            None => Field::Unusable,
        }
    }

    fn know(&mut self, key: &'static str) {
        self.known.push(key);
        #[cfg(test)]
        self.reading.known.borrow_mut().push((self.place.path.clone(), key));
    }

    fn entry(&self, key: &str) -> Option<Entry<'a>> {
        self.table
            .get_key_value(key)
            .map(|(key, value)| self.entry_of(key, value))
    }

    fn entry_of(&self, key: &'a Spanned<DeString<'a>>, value: &'a Value<'a>) -> Entry<'a> {
        let path = dotted(&self.place.path, key.get_ref());
        Entry {
            name: key.get_ref().to_string(),
            key_place: Place::new(path.clone(), key.span()),
            value_place: Place::new(path, value.span()),
            value,
        }
    }
}

/// All or nothing, but every one is looked at first, so that each has its say.
fn every<T>(items: impl Iterator<Item = Option<T>>) -> Option<Vec<T>> {
    let items: Vec<_> = items.collect();
    items.into_iter().collect()
}
