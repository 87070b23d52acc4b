//! A second server that follows the first.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use super::programs::give;
use super::server::connect;
use super::{Cluster, ClusterError, ClusterSettings, Shutdown};

/// Its slot on the primary, and its name for `synchronous_standby_names`.
const NAME: &str = "standby";

impl Cluster {
    /// A hot standby that streams from this server, in a folder of its own. It is made of a copy of the data, for which this
    /// server is restarted. One for each server.
    pub async fn standby(&self, settings: ClusterSettings) -> Result<Cluster, ClusterError> {
        let client = connect(&self.socket_url("postgres")).await?;
        let slot = format!("select pg_create_physical_replication_slot('{NAME}', true)");
        client.batch_execute(&slot).await?;
        drop(client);
        let primary = format!(
            "host=127.0.0.1 port={} user=postgres dbname=postgres application_name={NAME}",
            self.port
        );
        let settings = settings
            .with("primary_conninfo", &primary)
            .with("primary_slot_name", NAME)
            .with("hot_standby_feedback", "on");
        self.halt(Shutdown::Fast).await?;
        let seeded = Cluster::start_on(&settings, self.programs.clone(), self.account, |folder| {
            self.seed(folder)
        });
        // The copy is taken before the first wait, so this server may be back before the standby takes connections.
        let (standby, resumed) = tokio::join!(biased; seeded, self.resume());
        resumed?;
        standby
    }

    fn seed(&self, folder: &Path) -> io::Result<()> {
        let data = folder.join("data");
        let copied = Command::new("cp")
            .arg("-a")
            .arg(self.folder.join("data"))
            .arg(&data)
            .status()?;
        if !copied.success() {
            return Err(io::Error::other("the data folder could not be copied"));
        }
        let file = data.join("postgresql.conf");
        let settings = fs::read_to_string(&file)?;
        fs::write(
            &file,
            settings.replace(&*self.folder.to_string_lossy(), &folder.to_string_lossy()),
        )?;
        let signal = data.join("standby.signal");
        fs::write(&signal, "")?;
        give(&signal, self.account)
    }

    /// Ends following; from here on this server takes writes, on a timeline of its own.
    pub async fn promote(&self) -> Result<(), ClusterError> {
        let client = connect(&self.socket_url("postgres")).await?;
        client.batch_execute("select pg_promote(true, 60)").await?;
        Ok(())
    }
}
