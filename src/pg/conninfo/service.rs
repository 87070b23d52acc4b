//! The service file: connection parameters under a name.
//! See <https://www.postgresql.org/docs/current/libpq-pgservice.html>.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{InvalidDsn, Pairs, Variables, keywords};

/// Where a system's own file is, unless `PGSYSCONFDIR` says otherwise. libpq has it built in, differently everywhere.
const SYSTEM_FOLDER: &str = "/etc/postgresql-common";

/// The parameters of a service. `file`, where named, must be there; otherwise the user's own file comes before the system's.
pub(super) fn read(service: &str, file: Option<&str>, variables: Variables<'_>) -> Result<Pairs, InvalidDsn> {
    let own = match (file, variables("HOME")) {
        (Some(file), _) => Some(PathBuf::from(file)),
        (None, Some(home)) => Some(Path::new(&home).join(".pg_service.conf")),
        (None, None) => None,
    };
    let folder = variables("PGSYSCONFDIR").unwrap_or_else(|| SYSTEM_FOLDER.to_owned());
    let system = Path::new(&folder).join("pg_service.conf");
    let mut read = Vec::new();
    for (path, must_exist) in own
        .map(|path| (path, file.is_some()))
        .into_iter()
        .chain([(system, false)])
    {
        match fs::read_to_string(&path) {
            Ok(text) => {
                if let Some(pairs) = section(&text, service, &path)? {
                    return Ok(pairs);
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound && !must_exist => {}
            Err(source) => return Err(InvalidDsn::File { path, source }),
        }
        read.push(path.display().to_string());
    }
    Err(InvalidDsn::NoService {
        files: read.join(" or "),
    })
}

/// What stands under `[service]`, the first time.
fn section(text: &str, service: &str, path: &Path) -> Result<Option<Pairs>, InvalidDsn> {
    let mut found: Option<Pairs> = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            if header.strip_suffix(']') == Some(service) {
                found = Some(Pairs::new());
            }
            continue;
        }
        let Some(pairs) = &mut found else { continue };
        let wrong = |reason: &str| InvalidDsn::ServiceFile {
            path: path.to_owned(),
            line: number + 1,
            reason: reason.to_owned(),
        };
        if line.starts_with("ldap") {
            return Err(wrong("services can't be looked up by LDAP here"));
        }
        let (name, value) = line.split_once('=').ok_or_else(|| wrong("wanted is `name=value`"))?;
        if name.starts_with("service") {
            return Err(wrong("a service can't refer to another one"));
        }
        let keyword = keywords::find(name).ok_or_else(|| wrong("unknown connection parameter"))?;
        keyword.check(name, value).map_err(|error| wrong(&error.to_string()))?;
        pairs.push((name.to_owned(), value.to_owned()));
    }
    Ok(found)
}
