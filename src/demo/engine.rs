//! `walsift run` as a process of its own, to be killed and started again.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::time::{Instant, sleep};

/// Between two looks at the log or at the process.
const POLL: Duration = Duration::from_millis(10);

/// What the guard does: kills the engine once nobody holds the other end of its stdin.
const GUARD: &str = r#"trap '' HUP INT TERM; read -r _; kill -s KILL "$1""#;

/// A running engine. Gone when dropped, and when this process is gone, however it ended.
#[derive(Debug)]
pub(super) struct Engine {
    child: Child,
    guard: Child,
    log: PathBuf,
}

impl Engine {
    /// Starts `program run` on a configuration in a folder, with this environment and no other.
    pub(super) fn start(program: &Path, config: &Path, log: &Path, environment: &[(&str, &str)]) -> io::Result<Engine> {
        let mut command = Command::new(program);
        command.args(["run", "--log-format", "json", "--config"]).arg(config);
        // Whatever our caller has set for an engine of their own (proxies, too) must not reach this one.
        command.env_clear().envs(environment.iter().copied());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(log)?);
        // Out of reach of a Ctrl-C meant for us.
        let mut child = command.process_group(0).spawn()?;
        let mut guard = Command::new("/bin/sh");
        guard.args(["-c", GUARD, "walsift-guard", &child.id().to_string()]);
        guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        match guard.process_group(0).spawn() {
            Ok(guard) => Ok(Engine {
                child,
                guard,
                log: log.to_owned(),
            }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    /// Where its metrics are; it says so itself, once it listens. `None` if it does not in time.
    pub(super) async fn admin_url(&mut self, within: Duration) -> io::Result<Option<String>> {
        let deadline = Instant::now() + within;
        while Instant::now() < deadline && self.ended()?.is_none() {
            let log = self.log();
            let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let mut said = lines.filter(|line| line["message"] == "admin listening");
            if let Some(address) = said.next().as_ref().and_then(|line| line["address"].as_str()) {
                return Ok(Some(format!("http://{address}")));
            }
            sleep(POLL).await;
        }
        Ok(None)
    }

    /// `kill -9`.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        // The guard first: once the engine is waited for, its number may become another process's.
        self.guard.kill()?;
        self.guard.wait()?;
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Asks it to finish and leave. `None` if it does not in time.
    pub(super) async fn stop(&mut self, within: Duration) -> io::Result<Option<ExitStatus>> {
        if self.ended()?.is_none() {
            // Ours until it is waited for.
            kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        }
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            if let Some(status) = self.ended()? {
                return Ok(Some(status));
            }
            sleep(POLL).await;
        }
        Ok(None)
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// What it has written to its log so far.
    pub(super) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
