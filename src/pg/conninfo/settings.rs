//! Every parameter that somebody has set: who comes first, wins.

use std::collections::BTreeMap;

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

    fn add(&mut self, name: &str, value: String) {
        if let Some(keyword) = keywords::find(name) {
            self.0.entry(keyword.name).or_insert(value);
        }
    }
}
