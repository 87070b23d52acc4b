//! Three servers that hold a stream together.

use async_nats::jetstream::{self, stream};
use walsift::demo::listen;
use walsift::publish::{FailureClass, Outcome};

use super::bus::{delivery, lines, sink, stored};
use crate::servers::Server;
use crate::world::{DEADLINE, eventually};

struct Cluster(Vec<Server>);

impl Cluster {
    /// With a stream `ORDERS` that each of them has.
    async fn new() -> Cluster {
        let held: Vec<_> = (0..3).map(|_| listen().unwrap()).collect();
        let ports: Vec<u16> = held.iter().map(|it| it.local_addr().unwrap().port()).collect();
        drop(held);
        let routes: Vec<_> = ports.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        let start = |port: &u16| {
            let configuration = format!(
                "server_name: n{port}\ncluster {{ name: bus, listen: \"127.0.0.1:{port}\", routes: [ {} ] }}",
                routes.join(", ")
            );
            async move { Server::nats(&configuration).await }
        };
        let cluster = Cluster(futures_util::future::join_all(ports.iter().map(start)).await);
        let config = stream::Config {
            name: "ORDERS".to_owned(),
            subjects: vec!["shop.orders.*".to_owned()],
            num_replicas: 3,
            ..stream::Config::default()
        };
        let jetstream = cluster.jetstream(0).await;
        let made = async || jetstream.create_stream(&config).await.ok();
        eventually(DEADLINE, "a stream with three replicas", made).await;
        cluster
    }

    async fn jetstream(&self, server: usize) -> jetstream::Context {
        let client = async_nats::connect(self.0[server].address().to_string()).await;
        jetstream::new(client.unwrap())
    }

    fn sink(&self) -> walsift::publish::Sink {
        let urls: Vec<_> = self.0.iter().map(|it| format!("'nats://{}'", it.address())).collect();
        let urls = urls.join(", ");
        sink(&format!(
            "url = [{urls}]\nsubject = 'shop.orders.{{id}}'\ntimeout = '2s'"
        ))
    }
}

#[tokio::test]
async fn a_majority_acknowledges_and_without_one_nothing_is_given_up() {
    let mut cluster = Cluster::new().await;
    let sink = cluster.sink();
    let delivered = async |version| {
        let batch = [delivery("1", version, "{}"), delivery("2", version, "{}")];
        let outcomes = sink.deliver(&batch).await;
        (lines(&outcomes) == ["delivered"; 2]).then_some(())
    };
    eventually(DEADLINE, "a leader", async || delivered(1).await).await;

    cluster.0[0].kill();
    eventually(DEADLINE, "the other two", async || delivered(2).await).await;

    cluster.0[1].kill();
    for version in 3..6 {
        let outcome = sink.deliver(&[delivery("1", version, "{}")]).await.remove(0);
        let Outcome::Retry { failure, .. } = &outcome else {
            panic!("{outcome:?}")
        };
        let of_the_sink = [
            FailureClass::Timeout,
            FailureClass::ServerError,
            FailureClass::Connection,
        ];
        assert!(of_the_sink.contains(&failure.class), "{failure:?}");
    }

    cluster.0[0].resume().await;
    eventually(DEADLINE, "a majority", async || delivered(6).await).await;
    let messages = stored(&cluster.jetstream(2).await).await;
    let of_one: Vec<_> = messages.iter().filter(|it| it.subject == "shop.orders.1").collect();
    assert_eq!(of_one.last().unwrap().headers["Walsift-Version"], "6");
    let mut ids: Vec<_> = messages.iter().map(|it| &it.headers["Nats-Msg-Id"]).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), messages.len(), "none is there twice");
}
