//! The password file: `host:port:database:user:password` on each line.
//! See <https://www.postgresql.org/docs/current/libpq-pgpass.html>.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use secrecy::SecretString;

/// Whom a password is for, in the order of a line.
pub(super) struct Whom<'a> {
    pub host: &'a str,
    pub port: u16,
    pub database: &'a str,
    pub user: &'a str,
}

/// The text of a password file.
pub(super) struct Passfile(String);

impl Passfile {
    /// `Ok(None)` if there is none. An error says why nobody may rely on it; libpq warns and goes on without, too.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, String> {
        let unusable = |reason: &str| format!("the password file {} {reason}, so it was not read", path.display());
        let Ok(metadata) = fs::metadata(path) else {
            return Ok(None);
        };
        if !metadata.is_file() {
            return Err(unusable("is not a plain file"));
        }
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(unusable("can be read by others than its owner (0600 is wanted)"));
        }
        match fs::read_to_string(path) {
            Ok(text) => Ok(Some(Self(text))),
            Err(error) => Err(unusable(&format!("can't be read ({error})"))),
        }
    }

    /// From the first line that fits.
    pub(super) fn password(&self, whom: &Whom<'_>) -> Option<SecretString> {
        let port = whom.port.to_string();
        let wanted = [whom.host, &port, whom.database, whom.user];
        let lines = self.0.lines().filter(|line| !line.starts_with('#'));
        lines
            .filter_map(|line| {
                let rest = wanted.iter().try_fold(line, |rest, wanted| after(rest, wanted))?;
                Some(unescaped(rest))
            })
            .find(|password| !password.is_empty())
            .map(SecretString::from)
    }
}

/// What follows the first field of a line, if that is `wanted` or `*`.
fn after<'a>(line: &'a str, wanted: &str) -> Option<&'a str> {
    if let Some(rest) = line.strip_prefix("*:") {
        return Some(rest);
    }
    let mut escaped = false;
    let end = line.find(|c| {
        let ends = c == ':' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    (unescaped(&line[..end]) == wanted).then(|| &line[end + 1..])
}

/// `\` makes the character behind it an ordinary one.
fn unescaped(text: &str) -> String {
    let mut chars = text.chars();
    let next = || match chars.next() {
        Some('\\') => chars.next(),
        other => other,
    };
    std::iter::from_fn(next).collect()
}
