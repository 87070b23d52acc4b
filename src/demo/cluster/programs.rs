//! Where the server programs are, and as whom they may run.

use std::fs;
use std::io;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ClusterError;

/// Names the folder of `initdb` and `postgres`, before anything else is looked at.
const VARIABLE: &str = "WALSIFT_PG_BIN";

/// Where Debian and its kin keep the programs of each major version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The folder that holds `initdb` and `postgres`.
pub(super) fn find() -> Result<PathBuf, ClusterError> {
    if let Some(named) = std::env::var_os(VARIABLE).map(PathBuf::from) {
        // Somebody asked for this one; another would not be what they want to see tested.
        return if complete(&named) {
            Ok(named)
        } else {
            Err(ClusterError::ProgramsMissing { looked_in: vec![named] })
        };
    }
    let candidates: Vec<PathBuf> = configured().into_iter().chain(installed()).collect();
    match candidates.iter().find(|folder| complete(folder)) {
        Some(folder) => Ok(folder.clone()),
        None => Err(ClusterError::ProgramsMissing { looked_in: candidates }),
    }
}

fn complete(folder: &Path) -> bool {
    ["initdb", "postgres"]
        .iter()
        .all(|program| folder.join(program).is_file())
}

fn configured() -> Option<PathBuf> {
    let output = Command::new("pg_config")
        .arg("--bindir")
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

/// Newest version first.
fn installed() -> Vec<PathBuf> {
    let entries = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, folder)| folder).collect()
}

/// A user of this machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    pub(super) user: u32,
    pub(super) group: u32,
}

/// As whom the server runs: as ourselves (`None`) unless we are root, whom Postgres refuses.
pub(super) fn account() -> Result<Option<Account>, ClusterError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    match ["postgres", "nobody"].into_iter().find_map(look_up) {
        Some(account) => Ok(Some(account)),
        None => Err(ClusterError::NoAccount),
    }
}

fn look_up(name: &str) -> Option<Account> {
    let ask = |option: &str| -> Option<u32> {
        let output = Command::new("id").args([option, name]).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    Some(Account {
        user: ask("-u")?,
        group: ask("-g")?,
    })
}

/// Makes the server the owner of a file or folder, whatever the umask has made of its mode.
pub(super) fn give(path: &Path, account: Option<Account>) -> io::Result<()> {
    match account {
        Some(account) => chown(path, Some(account.user), Some(account.group)),
        None => Ok(()),
    }
}
