//! Standard output: one JSON line for each delivery.
//!
//! ```text
//! {"sync":"orders","operation":"upsert","key":[42],"version":7,"document":{"id":42,"status":"paid"}}
//! {"sync":"orders","operation":"delete","key":[42],"version":8}
//! ```
//!
//! Promised: lines are whole and never run into each other; a line counts as delivered once the system has taken it.
//! Not promised: that whoever reads the pipe has read it. A write that blocks past the lease goes on, as nothing can
//! take it back; its outcome is uncertain, and nothing else is written before it ends.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::{Delivery, Failure, FailureClass, Operation, Outcome, Remote, Unusable};

/// What is left of a lease when a write has to be over: the outcome must still be recorded under it.
const LEASE_MARGIN: Duration = Duration::from_millis(200);

pub struct StdoutSink {
    /// Held by the write itself, which outlives a delivery that has given up on it.
    out: Arc<Mutex<Out>>,
}

struct Out {
    writer: Box<dyn Write + Send>,
    /// A write failed, perhaps in the middle of a line.
    torn: bool,
}

impl StdoutSink {
    pub fn new(name: &str) -> Result<Self, Unusable> {
        let unusable = |error: io::Error| Unusable {
            sink: name.to_owned(),
            reason: error.to_string(),
        };
        // Straight to the descriptor: the standard library's own buffers a failed line and passes it on later, and
        // takes a closed output for a working one.
        let descriptor = io::stdout().as_fd().try_clone_to_owned().map_err(unusable)?;
        Ok(Self::to(File::from(descriptor)))
    }

    /// Lines go to `writer` instead.
    pub fn to(writer: impl Write + Send + 'static) -> Self {
        Self {
            out: Arc::new(Mutex::new(Out {
                writer: Box::new(writer),
                torn: false,
            })),
        }
    }

    /// The line that a delivery would be.
    pub fn preview(&self, delivery: &Delivery) -> String {
        line(delivery)
    }

    /// Writes one line and flushes it. Answers before the delivery's deadline.
    pub async fn deliver(&self, delivery: &Delivery) -> Outcome {
        let deadline = Instant::from_std(delivery.deadline).checked_sub(LEASE_MARGIN);
        let Some(deadline) = deadline.filter(|deadline| *deadline > Instant::now()) else {
            return Outcome::NotTried;
        };
        let line = line(delivery);
        let Ok(mut out) = timeout_at(deadline, Arc::clone(&self.out).lock_owned()).await else {
            return Outcome::NotTried;
        };
        // A pipe that nobody reads blocks; that must not hold up a thread that others need.
        let write = tokio::task::spawn_blocking(move || out.write(&line));
        match timeout_at(deadline, write).await {
            Ok(Ok(Ok(()))) => Outcome::Delivered {
                status: None,
                remote: Remote::Same,
            },
            Ok(Ok(Err(error))) => uncertain(FailureClass::Connection, format!("could not write the line: {error}")),
            Ok(Err(_)) => uncertain(FailureClass::Connection, "the write was given up".to_owned()),
            Err(_) => uncertain(FailureClass::Timeout, "nobody reads the output".to_owned()),
        }
    }
}

impl std::fmt::Debug for StdoutSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StdoutSink")
    }
}

impl Out {
    fn write(&mut self, line: &str) -> io::Result<()> {
        let written = self
            .end_torn_line()
            .and_then(|()| self.writer.write_all(line.as_bytes()));
        let flushed = written.and_then(|()| self.writer.flush());
        self.torn |= flushed.is_err();
        flushed
    }

    /// Half a line must not take the next one with it.
    fn end_torn_line(&mut self) -> io::Result<()> {
        if self.torn {
            self.writer.write_all(b"\n")?;
            self.torn = false;
        }
        Ok(())
    }
}

fn uncertain(class: FailureClass, message: String) -> Outcome {
    Outcome::Retry {
        failure: Failure::uncertain(class, message),
        after: None,
    }
}

fn line(delivery: &Delivery) -> String {
    let sync = serde_json::Value::from(&*delivery.sync);
    let key = delivery.key.json(&delivery.shape);
    let (operation, version) = (delivery.operation.as_str(), delivery.version);
    let mut line = format!(r#"{{"sync":{sync},"operation":"{operation}","key":{key},"version":{version}"#);
    if delivery.operation == Operation::Upsert {
        line.push_str(r#","document":"#);
        // A raw line break in a JSON text is white space between two tokens, so nothing but looks is lost.
        line.extend(delivery.document.split(['\n', '\r']).flat_map(|piece| [piece, " "]));
        line.pop();
    }
    line.push_str("}\n");
    line
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::publish::peer::delivery;

    /// Keeps what is written, in as many writes as bytes, and can be read while it is written to.
    #[derive(Clone, Default)]
    struct Pipe(Arc<std::sync::Mutex<Vec<u8>>>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            std::thread::yield_now();
            self.0.lock().unwrap().extend_from_slice(&bytes[..1]);
            Ok(1)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.0.lock().unwrap().extend_from_slice(b"<flushed>");
            Ok(())
        }
    }

    impl Pipe {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    #[test]
    fn a_delivery_is_one_line() {
        let cases = [
            (
                delivery(&[("id", "42")], r#"{"a": 1.50, "b":"x\ny"}"#),
                r#"{"sync":"orders","operation":"upsert","key":["42"],"version":7,"document":{"a": 1.50, "b":"x\ny"}}"#,
            ),
            (
                delivery(&[("id", "4"), ("name", "a:\"ü")], "{\n  \"a\":\r\n[1]}"),
                r#"{"sync":"orders","operation":"upsert","key":["4","a:\"ü"],"version":7,"document":{   "a":  [1]}}"#,
            ),
            (
                Delivery {
                    sync: "a \"b\"".into(),
                    ..delivery(&[("id", "42")], "")
                },
                r#"{"sync":"a \"b\"","operation":"delete","key":["42"],"version":7}"#,
            ),
        ];
        for (delivery, expected) in cases {
            let line = line(&delivery);
            assert_eq!(line, format!("{expected}\n"));
            serde_json::from_str::<serde_json::Value>(&line).unwrap();
        }
    }

    #[tokio::test]
    async fn a_line_is_flushed_before_it_counts() {
        let pipe = Pipe::default();
        let outcome = StdoutSink::to(pipe.clone())
            .deliver(&delivery(&[("id", "42")], "{}"))
            .await;
        assert!(matches!(
            outcome,
            Outcome::Delivered {
                status: None,
                remote: Remote::Same,
            }
        ));
        assert!(pipe.text().ends_with("}\n<flushed>"));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn lines_of_concurrent_deliveries_do_not_interleave() {
        let pipe = Pipe::default();
        let sink = Arc::new(StdoutSink::to(pipe.clone()));
        let tasks: Vec<_> = (0..50)
            .map(|i| {
                let sink = Arc::clone(&sink);
                tokio::spawn(async move { sink.deliver(&delivery(&[("id", &i.to_string())], "{}")).await })
            })
            .collect();
        for task in tasks {
            assert!(matches!(task.await.unwrap(), Outcome::Delivered { .. }));
        }
        let text = pipe.text().replace("<flushed>", "");
        let mut ids: Vec<u32> = text
            .lines()
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).unwrap()["key"][0]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .map(|id| id.parse().unwrap())
            .collect();
        ids.sort_unstable();
        assert_eq!(ids, (0..50).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_reader_that_went_away_leaves_the_outcome_uncertain() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let outcome = StdoutSink::to(writer).deliver(&delivery(&[("id", "42")], "{}")).await;
        let Outcome::Retry { failure, after: None } = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!((failure.class, failure.certain), (FailureClass::Connection, false));
        assert!(failure.message.contains("Broken pipe"), "{}", failure.message);
    }

    #[tokio::test]
    async fn half_a_line_does_not_take_the_next_one_with_it() {
        /// Fails once, in the middle.
        struct Full(Pipe, usize);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.1 += 1;
                if self.1 == 9 {
                    Err(io::ErrorKind::StorageFull.into())
                } else {
                    self.0.write(bytes)
                }
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let pipe = Pipe::default();
        let sink = StdoutSink::to(Full(pipe.clone(), 0));
        assert!(matches!(
            sink.deliver(&delivery(&[("id", "1")], "{}")).await,
            Outcome::Retry { .. }
        ));
        assert!(matches!(
            sink.deliver(&delivery(&[("id", "2")], "{}")).await,
            Outcome::Delivered { .. }
        ));
        assert!(
            pipe.text().starts_with("{\"sync\":\n{\"sync\":\"orders\""),
            "{}",
            pipe.text()
        );
    }

    #[tokio::test]
    async fn a_pipe_that_nobody_reads_blocks_nothing_past_the_lease() {
        /// Says that a write has begun, and blocks until it is told to go on.
        struct Stuck(mpsc::Receiver<()>, Pipe);
        impl Write for Stuck {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let _ = self.0.recv();
                self.1.write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (go_on, told) = mpsc::channel();
        let pipe = Pipe::default();
        let sink = StdoutSink::to(Stuck(told, pipe.clone()));
        let due = |id| Delivery {
            deadline: std::time::Instant::now() + LEASE_MARGIN + Duration::from_millis(200),
            ..delivery(&[("id", id)], "{}")
        };
        let outcome = sink.deliver(&due("1")).await;
        let Outcome::Retry { failure, .. } = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!((failure.class, failure.certain), (FailureClass::Timeout, false));
        // The output is still taken: nothing of the second is written.
        assert!(matches!(sink.deliver(&due("2")).await, Outcome::NotTried));
        drop(go_on);
        assert!(matches!(
            sink.deliver(&delivery(&[("id", "3")], "{}")).await,
            Outcome::Delivered { .. }
        ));
        let text = pipe.text();
        assert!(
            text.lines().count() == 2 && text.contains(r#"["1"]"#) && text.contains(r#"["3"]"#),
            "{text}"
        );
    }

    #[tokio::test]
    async fn nothing_is_written_without_a_lease() {
        let pipe = Pipe::default();
        let late = Delivery {
            deadline: std::time::Instant::now(),
            ..delivery(&[("id", "42")], "{}")
        };
        assert!(matches!(
            StdoutSink::to(pipe.clone()).deliver(&late).await,
            Outcome::NotTried
        ));
        assert_eq!(pipe.text(), "");
    }
}
