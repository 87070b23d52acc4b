//! Jobs and what is on record, without an engine.

use std::time::{Duration, SystemTime};

use walsift::diff::Operation;
use walsift::mapping::SubjectKey;
use walsift::pg::{Client, Pool, Session};
use walsift::publish::Remote;
use walsift::queue::{self, Demand, Entry, Job, Owner, Priority, RouteId, Worker};
use walsift::record::{self, Attempt, Ending, Held, Pace, Settlement};

use crate::world::{DEADLINE, World};

const SHAPE: &str = "a shape";

/// A worker, and a route for it to work on.
pub struct Desk {
    pub world: World,
    state: Pool,
    worker: Worker,
    route: RouteId,
    pub pace: Pace,
}

impl Desk {
    pub async fn new() -> Desk {
        let world = World::new().await;
        let session = Session {
            search_path: Some("walsift".to_owned()),
            statement_timeout: DEADLINE,
        };
        let state = Pool::new(&world.url().parse().unwrap(), &session, 2).unwrap();
        let mut client = state.get().await.unwrap();
        let tx = client.transaction().await.unwrap();
        record::migrate(&tx, "walsift").await.unwrap();
        let pair = ("orders".to_owned(), "shop_api".to_owned());
        let route = queue::ensure_routes(&tx, &[pair]).await.unwrap()[0].id;
        queue::set_at_work(&tx, route, SHAPE, "").await.unwrap();
        tx.commit().await.unwrap();
        let worker = register(&client).await;
        Desk {
            world,
            state,
            worker,
            route,
            pace: Pace::default(),
        }
    }

    /// As if the process had been killed and another had come: what the last one held is uncertain.
    pub async fn crash(&mut self) {
        let client = self.state.get().await.unwrap();
        self.worker = Worker::register(&client, &Owner::current(), DEADLINE, Some(self.worker.id))
            .await
            .unwrap();
    }

    /// A job for this subject, due and claimed.
    pub async fn claim(&self, key: &str) -> Job {
        let mut client = self.state.get().await.unwrap();
        let tx = client.transaction().await.unwrap();
        let entry = Entry {
            route: self.route,
            key: SubjectKey::from_stored(key),
            changed_at: Some(SystemTime::now()),
        };
        queue::enqueue(&tx, vec![entry], Priority::Normal, Duration::ZERO)
            .await
            .unwrap();
        tx.execute("update job set run_at = now() where key = $1", &[&key])
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let demand = Demand {
            route: self.route,
            fingerprint: SHAPE,
            most: 10,
            most_bulk: 10,
        };
        let claimed = queue::claim(&mut client, &[demand], &self.worker).await.unwrap();
        let claimed = claimed.into_iter().flatten().find(|job| job.key.as_str() == key);
        claimed.expect("the job was due")
    }

    pub async fn settle(&self, job: &Job, ending: Ending, remote: Remote) {
        self.settle_with(job, ending, remote, None).await;
    }

    /// With an attempt on record.
    pub async fn settle_tried(&self, job: &Job, ending: Ending, remote: Remote) {
        let now = SystemTime::now();
        let attempt = Attempt {
            started_at: now,
            finished_at: now,
            outcome: "retry",
            class: Some("timeout"),
            status: None,
            certain: false,
            message: None,
            operation: Operation::Upsert,
            version: job.version,
            digest: None,
        };
        self.settle_with(job, ending, remote, Some(attempt)).await;
    }

    async fn settle_with(&self, job: &Job, ending: Ending, remote: Remote, attempt: Option<Attempt>) {
        let held = Held::from(job);
        let settlement = Settlement {
            job: held,
            ending,
            attempt,
            remote,
        };
        let mut client = self.state.get().await.unwrap();
        let settled = record::settle(&mut client, self.route, self.worker.id.0, self.pace, &[settlement]).await;
        assert_eq!(settled.unwrap().lost, [], "the job is held by another");
    }
}

async fn register(client: &Client) -> Worker {
    Worker::register(client, &Owner::current(), DEADLINE, None)
        .await
        .unwrap()
}
