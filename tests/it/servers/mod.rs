//! Real servers of others, as processes to kill and to start again: each with a folder and a port of its own.
//!
//! Their programs are those that `make test` unpacks into `servers` in cargo's target folder, or else those of the system.

#[cfg(feature = "kafka")]
pub mod kafka;
mod nats;
mod redis;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use walsift::demo::listen;

use crate::world::{DEADLINE, Engine, try_eventually};

/// How often another port is tried where one was taken in the last moment.
const STARTS_MAX: usize = 5;

/// How long one that listens may keep silent before it is asked again.
const ANSWER: Duration = Duration::from_secs(5);

/// A server on 127.0.0.1. Killed when dropped, and when the test process is killed.
pub struct Server {
    program: PathBuf,
    arguments: Box<Arguments>,
    is_loading: fn(&[u8]) -> bool,
    port: u16,
    folder: TempDir,
    process: Option<Engine>,
}

/// What a server says first, or to a `PING`, which every one of them knows; nothing, where it hangs up. `None` if it does not
/// listen.
async fn answer(address: SocketAddr) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(b"PING\r\n").await.ok()?;
    let mut answer = vec![0; 1024];
    let length = stream.read(&mut answer).await.unwrap_or_default();
    answer.truncate(length);
    Some(answer)
}

/// How a program is told its port, its folder and the rest.
type Arguments = dyn Fn(u16, &Path) -> Vec<String> + Send + Sync;

impl Server {
    /// `is_loading`: by its first answer, that it listens and is not at work yet.
    async fn start(
        program: &str,
        is_loading: fn(&[u8]) -> bool,
        arguments: impl Fn(u16, &Path) -> Vec<String> + Send + Sync + 'static,
    ) -> Server {
        let mut server = Server {
            program: find(program),
            arguments: Box::new(arguments),
            is_loading,
            port: 0,
            folder: TempDir::new().unwrap(),
            process: None,
        };
        for _ in 0..STARTS_MAX {
            server.port = listen().unwrap().local_addr().unwrap().port();
            if server.try_resume().await {
                return server;
            }
        }
        panic!("{program} does not start:\n{}", server.said())
    }

    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// `kill -9`. What it had promised to keep is there when it is resumed.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// On the same port and with the same folder.
    pub async fn resume(&mut self) {
        assert!(
            self.try_resume().await,
            "the server does not come back:\n{}",
            self.said()
        );
    }

    /// Whether it is at work.
    async fn try_resume(&mut self) -> bool {
        let mut command = Command::new(&self.program);
        command.args((self.arguments)(self.port, self.folder.path()));
        command.current_dir(self.folder.path());
        let process = self.process.insert(Engine::spawn(command));
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let is_loading = self.is_loading;
        let works = async || {
            let has_ended = process.ended().is_some();
            // Another's, if ours has ended.
            let answer = timeout(ANSWER, answer(address)).await.ok().flatten();
            let works = answer.is_some_and(|answer| !is_loading(&answer));
            (has_ended || works).then_some(!has_ended && works)
        };
        try_eventually(DEADLINE, works).await.unwrap_or(false)
    }

    fn said(&self) -> String {
        let Some(process) = &self.process else {
            return String::new();
        };
        [process.output(), process.log()].concat().join("\n")
    }
}

/// The program of this name; or the word that it is missing.
fn find(program: &str) -> PathBuf {
    let unpacked = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("servers");
    let mut folders = vec![unpacked.join("usr/bin"), unpacked.join("usr/sbin")];
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    folders.push("/usr/sbin".into());
    let found = folders
        .iter()
        .map(|folder| folder.join(program))
        .find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{program} is missing: `make servers` gets it"))
}
