//! One run of the server, held by `watchdog.sh`.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::watch;

use super::programs::{Account, give};

const SCRIPT: &str = include_str!("watchdog.sh");

/// Most lines of a server's log that are kept.
const LOG_LINES_MAX: usize = 1000;

/// The last lines of the server's log.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<VecDeque<String>>);

impl Log {
    pub(super) fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LOG_LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// Dropped, it takes the server and the folder with it, unless it was told to [`leave`](Watchdog::leave).
#[derive(Debug)]
pub(super) struct Watchdog {
    script: Child,
    /// `None` only while being dropped.
    orders: Option<ChildStdin>,
    gone: watch::Receiver<bool>,
}

impl Watchdog {
    /// Makes the data folder where it is missing, and starts the server on it.
    pub(super) fn start(programs: &Path, folder: &Path, account: Option<Account>, log: Arc<Log>) -> io::Result<Self> {
        let file = folder.join("watchdog.sh");
        if !file.exists() {
            fs::write(&file, SCRIPT)?;
            give(&file, account)?;
        }
        let mut command = Command::new("/bin/sh");
        command.arg(file).arg(folder).arg(programs).current_dir(folder);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        // Settings of the caller's own database (PGPORT, PGOPTIONS, …) must not reach this one.
        command
            .env_clear()
            .env("LC_ALL", "C")
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        // Out of reach of a Ctrl-C meant for us.
        command.process_group(0);
        if let Some(account) = account {
            command.uid(account.user).gid(account.group);
        }
        let mut script = command.spawn()?;
        let orders = script.stdin.take();
        let (done, gone) = watch::channel(false);
        if let Some(stderr) = script.stderr.take() {
            thread::Builder::new()
                .name("cluster-log".to_owned())
                .spawn(move || follow(stderr, &log, &done))?;
        }
        Ok(Watchdog { script, orders, gone })
    }

    /// Passes an order on; see `watchdog.sh`.
    pub(super) fn order(&mut self, order: &str) -> io::Result<()> {
        match &mut self.orders {
            Some(orders) => writeln!(orders, "{order}"),
            None => Ok(()),
        }
    }

    /// Waits until no process of the server is left; false if `within` was not enough.
    pub(super) async fn server_gone(&self, within: Duration) -> bool {
        let mut gone = self.gone.clone();
        tokio::time::timeout(within, gone.wait_for(|gone| *gone)).await.is_ok()
    }

    /// Ends the watch; server and folder stay.
    pub(super) fn leave(mut self) -> io::Result<()> {
        self.order("leave")
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.orders.take());
        // Short: the server is stopped without a checkpoint, the folder is small.
        let _ = self.script.wait();
    }
}

/// A thread, not a task: the cluster outlives the runtime that started it.
fn follow(stderr: ChildStderr, log: &Log, done: &watch::Sender<bool>) {
    let mut lines = BufReader::new(stderr);
    let mut line = Vec::new();
    while matches!(lines.read_until(b'\n', &mut line), Ok(1..)) {
        log.push(String::from_utf8_lossy(&line).trim_end().to_owned());
        line.clear();
    }
    done.send_replace(true);
}
