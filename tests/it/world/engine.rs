//! The real program, as a process to watch and to kill.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::{DEADLINE, World, eventually, http_client};

/// Most lines of an engine's log that a failed test shows.
const SHOWN_LINES_MAX: usize = 300;

impl World {
    /// Starts `walsift run` on this configuration.
    pub fn engine(&self, config: &Path) -> Engine {
        self.engine_with(config, &[])
    }

    /// As [`World::engine`], with further environment, such as `FAILPOINTS`.
    pub fn engine_with(&self, config: &Path, environment: &[(&str, &str)]) -> Engine {
        let mut command = walsift(self.folder());
        command.args(["run", "--log-format", "json", "--config"]).arg(config);
        command.envs(environment.iter().copied());
        Engine::spawn(command)
    }

    /// Any other command of the program, for a test to spawn.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = walsift(self.folder());
        command.args(arguments);
        command
    }

    /// Runs any other command of the program to its end.
    pub async fn walsift(&self, arguments: &[&str]) -> Output {
        let mut command = walsift(self.folder());
        command.args(arguments).stdin(Stdio::null());
        tokio::task::spawn_blocking(move || command.output())
            .await
            .unwrap()
            .unwrap()
    }
}

/// The program, in this folder, and without what the environment of the tests would tell it.
fn walsift(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_walsift"));
    command
        .current_dir(folder)
        .env_remove("FAILPOINTS")
        .env_remove("RUST_LOG");
    // Those of libpq, but not those by which the tests find a server.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PG")) {
        command.env_remove(name);
    }
    command
}

/// A running process whose lines are kept. Killed when dropped, and when the test process is killed.
pub struct Engine {
    child: Child,
    /// Another process, which kills the engine once we are gone.
    guard: Child,
    status: Option<ExitStatus>,
    stdout: Arc<Lines>,
    stderr: Arc<Lines>,
    readers: Vec<JoinHandle<()>>,
}

impl Engine {
    /// Any program will do.
    pub fn spawn(mut command: Command) -> Engine {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut guard = Command::new("/bin/sh");
        guard.args(["-c", "read -r _; kill -s KILL $1", "guard", &child.id().to_string()]);
        guard
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        let guard = guard.spawn().unwrap();
        let (stdout, stderr) = (Arc::<Lines>::default(), Arc::<Lines>::default());
        let readers = vec![
            follow(child.stdout.take().unwrap(), Arc::clone(&stdout)),
            follow(child.stderr.take().unwrap(), Arc::clone(&stderr)),
        ];
        Engine {
            child,
            guard,
            status: None,
            stdout,
            stderr,
            readers,
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub fn kill9(&mut self) {
        self.child.kill().unwrap();
        self.reap();
    }

    /// While it has not been reaped.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// SIGSTOP. Its threads stop one after the other: once this returns, none of them does anything any more.
    pub async fn pause(&self) {
        self.signal(Signal::STOP);
        let threads = format!("/proc/{}/task", self.child.id());
        eventually(DEADLINE, "all threads to stop", async || {
            let stopped = |thread: std::io::Result<std::fs::DirEntry>| {
                let stat = std::fs::read_to_string(thread.ok()?.path().join("stat")).ok()?;
                // Behind the name, which may hold anything.
                Some(stat.rsplit_once(')')?.1.trim_start().starts_with('T'))
            };
            let all = std::fs::read_dir(&threads)
                .ok()?
                .all(|thread| stopped(thread) == Some(true));
            all.then_some(())
        })
        .await;
    }

    /// SIGTERM: asks it to finish and leave.
    pub fn terminate(&mut self) {
        if self.status.is_none() {
            // Ours until it is reaped, so the number cannot be another process by now.
            self.signal(Signal::TERM);
        }
    }

    /// How it has ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()?;
        Some(self.reap())
    }

    /// Waits until it has ended by itself.
    pub async fn wait_exit(&mut self, within: Duration) -> ExitStatus {
        let deadline = Instant::now() + within;
        for lines in [&self.stdout, &self.stderr] {
            let ended = timeout_at(deadline, lines.ended()).await;
            assert!(ended.is_ok(), "the engine has not ended within {within:?}");
        }
        self.reap()
    }

    /// What it has written to stderr so far.
    pub fn log(&self) -> Vec<String> {
        self.stderr.0.lock().unwrap().clone()
    }

    /// What it writes to stdout, to be looked at even when it is gone.
    pub fn printed(&self) -> Printed {
        Printed(Arc::clone(&self.stdout))
    }

    /// What it has written to stdout so far.
    pub fn output(&self) -> Vec<String> {
        self.stdout.0.lock().unwrap().clone()
    }

    /// Waits for a JSON line of its log that is `wanted`, past lines included.
    pub async fn wait_for_log(&self, within: Duration, what: &str, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        let deadline = Instant::now() + within;
        let mut changed = self.stderr.1.subscribe();
        let mut seen = 0;
        loop {
            let ended = *changed.borrow_and_update();
            let lines: Vec<String> = self.stderr.0.lock().unwrap()[seen..].to_vec();
            seen += lines.len();
            let values = lines.iter().filter_map(|line| serde_json::from_str(line).ok());
            if let Some(value) = values.into_iter().find(|value| wanted(value)) {
                return value;
            }
            assert!(!ended, "the engine ended without the log line: {what}");
            let told = timeout_at(deadline, changed.changed()).await;
            assert!(told.is_ok(), "no log line within {within:?}: {what}");
        }
    }

    /// `GET` on the admin address: status and body.
    pub async fn admin(&self, path: &str) -> (u16, String) {
        let answer = http_client().get(self.admin_url(path).await).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// The address is only known once the engine listens and has said where.
    pub async fn admin_url(&self, path: &str) -> String {
        let listening = |line: &Value| field(line, "message") == Some("admin listening");
        let line = self.wait_for_log(DEADLINE, "admin listening", listening).await;
        format!(
            "http://{}{path}",
            field(&line, "address").expect("the line carries the address")
        )
    }

    /// The most memory it has had at once, as far as it is still running.
    pub fn resident_bytes_peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .expect("the process is running");
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kibibytes * 1024
    }

    /// As if this process had been killed: the guard sees its pipe close.
    pub fn abandon(&mut self) {
        drop(self.guard.stdin.take());
    }

    fn reap(&mut self) -> ExitStatus {
        if let Some(status) = self.status {
            return status;
        }
        // First the guard: once the engine is reaped, its number may become another process's.
        let _ = self.guard.kill();
        let _ = self.guard.wait();
        let status = self.child.wait().unwrap();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        *self.status.insert(status)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        self.reap();
        if thread::panicking() {
            let log = self.log();
            eprintln!("--- log of engine {}, {} lines:", self.id(), log.len());
            for line in log.iter().skip(log.len().saturating_sub(SHOWN_LINES_MAX)) {
                eprintln!("{line}");
            }
        }
    }
}

/// A field of a log line, whether fields stand at the top of the line or under `fields`.
pub fn field<'a>(line: &'a Value, name: &str) -> Option<&'a str> {
    line.get(name).or_else(|| line.get("fields")?.get(name))?.as_str()
}

/// Lines so far; told at each new one, `true` once there will be no more.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>, watch::Sender<bool>);

/// What a process has written so far.
pub struct Printed(Arc<Lines>);

impl Printed {
    pub fn lines(&self) -> Vec<String> {
        self.0.0.lock().unwrap().clone()
    }
}

impl Lines {
    async fn ended(&self) {
        // The sender is ours, so this ends with the last line only.
        let _ = self.1.subscribe().wait_for(|ended| *ended).await;
    }
}

fn follow(stream: impl Read + Send + 'static, lines: Arc<Lines>) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            lines
                .0
                .lock()
                .unwrap()
                .push(String::from_utf8_lossy(&line).into_owned());
            lines.1.send_replace(false);
        }
        lines.1.send_replace(true);
    })
}
