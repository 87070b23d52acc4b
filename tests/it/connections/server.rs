//! A server that offers TLS, and lets each role in by another way; and what tests do with it.

use std::path::PathBuf;

use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};
use walsift::demo::{Cluster, ClusterSettings};
use walsift::pg::{self, ConnectError, Dsn, Session};

use super::authorities::Authority;
use crate::world::{DEADLINE, eventually};

static SERVER: OnceCell<Server> = OnceCell::const_new();

/// How each role is let in over TCP; through the socket, everybody is.
const HBA: &str = "
local     all all          trust
hostssl   all only_tls     127.0.0.1/32 trust
hostnossl all only_plain   127.0.0.1/32 trust
hostssl   all by_cert      127.0.0.1/32 cert
host      all by_scram     127.0.0.1/32 scram-sha-256
host      all by_md5       127.0.0.1/32 md5
host      all by_password  127.0.0.1/32 password
host      all reader       127.0.0.1/32 trust
host      all postgres     127.0.0.1/32 trust
";

const ROLES: &str = "
create role only_tls login;
create role only_plain login;
create role by_cert login replication;
create role reader login;
alter role reader set default_transaction_read_only = on;
set password_encryption = 'scram-sha-256';
create role by_scram login replication password 'it''s: \\ secret';
create role by_password login replication password 'clear';
set password_encryption = 'md5';
create role by_md5 login replication password 'hashed';
";

/// A cluster with TLS, and files for its clients.
pub struct Server {
    pub cluster: Cluster,
    /// Of the authority that has signed the server's certificate, for `localhost` and `127.0.0.1`.
    pub root: PathBuf,
    /// Of another one.
    pub other_root: PathBuf,
    /// The server's own certificate.
    pub own: PathBuf,
    pub client_cert: PathBuf,
    pub client_key: PathBuf,
}

impl Server {
    /// The same for all tests that change nothing about it.
    pub async fn shared() -> &'static Server {
        SERVER.get_or_init(Server::start).await
    }

    async fn start() -> Server {
        let cluster = Cluster::start(ClusterSettings::default()).await.unwrap();
        let (authority, other) = (Authority::new("tests"), Authority::new("somebody else"));
        let (own, client) = (
            authority.sign("server", &["localhost", "127.0.0.1"]),
            authority.sign("by_cert", &[]),
        );
        let file = |name: &str, text: &str| cluster.write(name, text).unwrap();
        let server = Server {
            root: file("root.crt", &authority.certificate()),
            other_root: file("other.crt", &other.certificate()),
            own: file("server.crt", &own.certificate),
            client_cert: file("client.crt", &client.certificate),
            client_key: file("client.key", &client.key),
            cluster,
        };
        let key = server.cluster.write("server.key", &own.key).unwrap();
        server.cluster.write("data/pg_hba.conf", HBA).unwrap();
        let admin = server.admin().await;
        admin.batch_execute(ROLES).await.unwrap();
        for (name, file) in [
            ("ssl_cert_file", &server.own),
            ("ssl_key_file", &key),
            ("ssl_ca_file", &server.root),
        ] {
            let statement = format!("alter system set {name} = '{}'", file.display());
            admin.batch_execute(&statement).await.unwrap();
        }
        admin.batch_execute("alter system set ssl = on").await.unwrap();
        admin.query_one("select pg_reload_conf()", &[]).await.unwrap();
        let text = server.at("sslmode=require user=only_tls");
        let offers_tls = async || connect(&text).await.ok();
        eventually(DEADLINE, "the server offers TLS", offers_tls).await;
        server
    }

    /// A session of the superuser's through the socket.
    pub async fn admin(&self) -> Client {
        let url = self.cluster.socket_url("postgres");
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    pub fn port(&self) -> u16 {
        port(&self.cluster)
    }

    /// A connection string for the server, by its address unless told otherwise.
    pub fn at(&self, parameters: &str) -> String {
        at(&self.cluster, parameters)
    }
}

pub fn at(cluster: &Cluster, parameters: &str) -> String {
    format!("host=127.0.0.1 port={} dbname=postgres {parameters}", port(cluster))
}

pub fn port(cluster: &Cluster) -> u16 {
    let dsn: Dsn = cluster.url("postgres").parse().unwrap();
    dsn.resolve().unwrap().hosts[0].port
}

pub async fn connect(text: &str) -> Result<Client, ConnectError> {
    let dsn: Dsn = text.parse()?;
    pg::connect(&dsn, &session()).await
}

pub fn session() -> Session {
    Session {
        search_path: None,
        statement_timeout: DEADLINE,
    }
}

/// Whether the session goes over TLS.
pub async fn is_encrypted(client: &Client) -> bool {
    let row = client
        .query_one("select ssl from pg_stat_ssl where pid = pg_backend_pid()", &[])
        .await;
    row.unwrap().get(0)
}

/// What was said to a connection that was not to come about.
pub async fn refused(text: &str) -> String {
    match connect(text).await {
        Ok(_) => panic!("connected by {text}"),
        Err(error) => error.to_string(),
    }
}
