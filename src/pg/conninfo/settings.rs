//! Every parameter that somebody has set: who comes first, wins.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{InvalidDsn, Pairs, Variables, keywords, service};

/// Values by the names of the parameters. Has no `Debug`: one is the password.
pub(super) struct Settings(BTreeMap<&'static str, String>);

impl Settings {
    /// Given by the caller, before the service file, before the environment.
    pub(super) fn gather(given: Pairs, variables: Variables<'_>) -> Result<Self, InvalidDsn> {
        let mut settings = Self(BTreeMap::new());
        for (name, value) in given {
            let keyword = keywords::find(&name).ok_or(InvalidDsn::Unknown(name))?;
            keyword.check(keyword.name, &value)?;
            if value.contains('\0') {
                return Err(InvalidDsn::Malformed("a zero byte"));
            }
            settings.0.insert(keyword.name, value);
        }
        let set = |variable: &str| variables(variable).filter(|value| !value.is_empty());
        let named = |name: &str, variable: &str| settings.get(name).map(str::to_owned).or_else(|| set(variable));
        if let Some(service) = named("service", "PGSERVICE") {
            let file = named("servicefile", "PGSERVICEFILE");
            // Within the section the first of a name counts.
            for (name, value) in service::read(&service, file.as_deref(), variables)? {
                settings.add(&name, value);
            }
        }
        for keyword in keywords::KEYWORDS {
            let Some(variable) = keyword.variable else { continue };
            if settings.0.contains_key(keyword.name) {
                continue;
            }
            if let Some(value) = set(variable) {
                keyword.check(variable, &value)?;
                settings.add(keyword.name, value);
            }
        }
        Ok(settings)
    }

    /// What is empty counts as not set, though nothing that comes later takes its place.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&self, name: &'static str, words: &[(&str, T)]) -> Result<Option<T>, InvalidDsn> {
        let Some(found) = self.get(name) else {
            return Ok(None);
        };
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == found) {
            return Ok(Some(*meaning));
        }
        let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        Err(InvalidDsn::value(name, &format!("one of {}", names.join(", "))))
    }

    pub(super) fn whole(&self, name: &'static str) -> Result<Option<i64>, InvalidDsn> {
        let number = |text: &str| text.trim().parse::<i32>().map(i64::from);
        let found = self.get(name).map(number).transpose();
        found.map_err(|_| InvalidDsn::value(name, "a whole number"))
    }

    /// Zero is for what the operating system does.
    pub(super) fn time(
        &self,
        name: &'static str,
        default: Option<Duration>,
        unit: impl Fn(u64) -> Duration,
    ) -> Result<Option<Duration>, InvalidDsn> {
        Ok(match self.whole(name)? {
            None => default,
            Some(number) => u64::try_from(number).ok().filter(|number| *number > 0).map(unit),
        })
    }

    fn add(&mut self, name: &str, value: String) {
        if let Some(keyword) = keywords::find(name) {
            self.0.entry(keyword.name).or_insert(value);
        }
    }
}
