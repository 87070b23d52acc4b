//! What is understood, and who wins.

mod files;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::*;

/// With these variables and no others.
fn resolved(text: &str, variables: &[(&str, &str)]) -> Result<Target, InvalidDsn> {
    let find = |name: &str| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    resolve(parse(text)?, &find, SessionAttrs::Primary)
}

fn target(text: &str) -> Target {
    resolved(text, &[]).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    resolved(text, &[]).expect_err(text).to_string()
}

fn hosts(target: &Target) -> Vec<String> {
    target.hosts.iter().map(ToString::to_string).collect()
}

fn password(target: &Target) -> Option<&str> {
    target.hosts[0].password.as_ref().map(ExposeSecret::expose_secret)
}

/// A folder as home, with files in it that only their owner can read.
fn home(files: &[(&str, &str)]) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        allow(&path, 0o600);
    }
    home
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn path(home: &TempDir) -> &str {
    home.path().to_str().unwrap()
}

/// Text, then hosts, user, database and password.
type Case<'a> = (&'a str, &'a [&'a str], &'a str, &'a str, Option<&'a str>);

#[test]
fn a_url_is_taken_apart_as_libpq_does_it() {
    let cases: &[Case<'_>] = &[
        ("postgres://u@h/d", &["h:5432"], "u", "d", None),
        (
            "postgresql://u:p%40s%3As@h:6432/d",
            &["h:6432"],
            "u",
            "d",
            Some("p@s:s"),
        ),
        ("postgresql://u@h", &["h:5432"], "u", "u", None),
        ("postgresql://u:a:b@h", &["h:5432"], "u", "u", Some("a:b")),
        ("postgresql://u:a?b@h", &["h:5432"], "u", "u", Some("a?b")),
        (
            "postgresql://u@[2001:db8::1]:99/d",
            &["[2001:db8::1]:99"],
            "u",
            "d",
            None,
        ),
        ("postgresql://u@[::1],h:7/d", &["[::1]:5432", "h:7"], "u", "d", None),
        ("postgresql://u@a:1,b,c:3/d", &["a:1", "b:5432", "c:3"], "u", "d", None),
        ("postgresql://u@%2Frun%2Fpg/d", &["/run/pg:5432"], "u", "d", None),
        (
            "postgresql:///d?host=/run/pg&port=7&user=u",
            &["/run/pg:7"],
            "u",
            "d",
            None,
        ),
        (
            "postgresql://h/d?user=u%2B&password=%25",
            &["h:5432"],
            "u+",
            "d",
            Some("%"),
        ),
        ("postgresql://x@h/%C3%A4%20b?user=u", &["h:5432"], "u", "ä b", None),
    ];
    for (url, wanted_hosts, user, database, wanted_password) in cases {
        let target = target(url);
        assert_eq!(hosts(&target), *wanted_hosts, "{url}");
        assert_eq!(
            (target.user.as_str(), target.database.as_str()),
            (*user, *database),
            "{url}"
        );
        assert_eq!(password(&target), *wanted_password, "{url}");
    }
}

#[test]
fn keywords_may_stand_apart_and_their_values_in_quotes() {
    let cases: &[Case<'_>] = &[
        ("host=h user=u dbname=d", &["h:5432"], "u", "d", None),
        ("  host = h  user='u u'\tdbname = ''\n", &["h:5432"], "u u", "u u", None),
        (
            r"host=h user=u password='it\'s \\ '",
            &["h:5432"],
            "u",
            "u",
            Some(r"it's \ "),
        ),
        (
            r"host=h user=u password=it\'s\ so",
            &["h:5432"],
            "u",
            "u",
            Some("it's so"),
        ),
        ("host=a user=u host=b,c port=7", &["b:7", "c:7"], "u", "u", None),
        ("host=b,c port=7,8 user=u", &["b:7", "c:8"], "u", "u", None),
        ("host=b,c port=7, user=u", &["b:7", "c:5432"], "u", "u", None),
        ("hostaddr=::1 user=u", &["[::1]:5432"], "u", "u", None),
        ("host=h hostaddr=10.0.0.1 user=u", &["h:5432"], "u", "u", None),
    ];
    for (text, wanted_hosts, user, database, wanted_password) in cases {
        let target = target(text);
        assert_eq!(hosts(&target), *wanted_hosts, "{text}");
        assert_eq!(
            (target.user.as_str(), target.database.as_str()),
            (*user, *database),
            "{text}"
        );
        assert_eq!(password(&target), *wanted_password, "{text}");
    }
    let target = target("host=h hostaddr=10.0.0.1 user=u");
    assert_eq!(target.hosts[0].address, Some("10.0.0.1".parse().unwrap()));
}

#[test]
fn what_is_wrong_is_said_without_a_value() {
    let cases = [
        ("postgres://u:hunter2@h:notaport/d", "`port`"),
        ("postgres://u:hunter2@h:0/d", "`port`"),
        ("postgres://u:hunter2%zz@h/d", "`%`"),
        ("postgres://u:hunter2%00@h/d", "`%00`"),
        ("postgres://u:hunter2@[::1/d", "`[`"),
        ("postgres://u:hunter2@h/d?sslmode", "`name=value`"),
        (
            "postgres://u:hunter2@h/d?pw=hunter2",
            "unknown connection parameter `pw`",
        ),
        ("host=h password='hunter2", "quote"),
        ("host=h password=my hunter2", "a name without `=`"),
        ("host=h password=my HUNTER2hunter2=x", "unknown connection parameter"),
        ("host=h sslmode=hunter2", "`sslmode`"),
        ("host=h sslcrl=hunter2", "`sslcrl` is not supported"),
        ("host=h sslpassword=hunter2", "`sslpassword` is not supported"),
        ("host=h replication=hunter2", "`replication` is not supported"),
        ("host=h gssencmode=require", "`gssencmode` can only be disable, prefer"),
        ("host=h client_encoding=LATIN1", "`client_encoding` can only be"),
        ("host=h connect_timeout=hunter2", "`connect_timeout`"),
        (
            "host=a,b hostaddr=10.0.0.1",
            "there are 1 hosts, but `host` has 2 values",
        ),
        ("host=a,b,c port=1,2", "there are 3 hosts, but `port` has 2 values"),
        ("hostaddr=hunter2", "`hostaddr`"),
        ("host=h sslmode=verify-ca user=u", "needs `sslrootcert`"),
        ("host=h sslmode=require sslrootcert=system", "`sslrootcert=system`"),
        ("host=h sslnegotiation=direct", "`sslnegotiation=direct`"),
        ("service=nowhere", "no service of this name"),
    ];
    for (text, wanted) in cases {
        let said = refused(text);
        assert!(said.contains(wanted), "{text}: {said}");
        assert!(!said.to_lowercase().contains("hunter2"), "{text}: {said}");
    }
}

#[test]
fn neither_debug_nor_display_shows_the_password() {
    let target = target("postgres://u:hunter2@h/d");
    assert!(!format!("{target:?} {target}").contains("hunter2"));
    assert_eq!(target.to_string(), "u@h:5432/d");
}

#[test]
fn what_asks_for_nothing_special_is_accepted() {
    for text in [
        "host=h gssencmode=prefer krbsrvname=postgres gsslib=gssapi sslcompression=1",
        "host=h client_encoding=utf8 sslcertmode=allow ssl_min_protocol_version=TLSv1.2 sslcrl=''",
        "postgresql://h/d?min_protocol_version=3.0&max_protocol_version=latest&gssdelegation=0",
    ] {
        target(text);
    }
}

#[test]
fn defaults_are_those_of_libpq_or_stricter() {
    let target = resolved("", &[("PGUSER", "u")]).unwrap();
    assert!(
        target.hosts[0]
            .socket()
            .is_some_and(|socket| socket.ends_with(".s.PGSQL.5432"))
    );
    assert_eq!(target.database, "u");
    assert_eq!((target.application_name.as_str(), &target.options), ("walsift", &None));
    assert_eq!(
        target.tls,
        TlsSettings {
            sni: true,
            ..TlsSettings::default()
        }
    );
    assert_eq!(target.channel_binding, ChannelBinding::Prefer);
    assert_eq!(target.connect_timeout, Some(Duration::from_secs(10)));
    assert_eq!(target.liveness.user_timeout, Some(Duration::from_secs(20)));
    assert_eq!((target.session_attrs, target.shuffle), (SessionAttrs::Any, false));
    // The name of the operating system's user.
    assert_eq!(resolved("host=h", &[]).unwrap().user, whoami::username().unwrap());
}

#[test]
fn several_hosts_are_there_to_find_the_primary() {
    assert_eq!(target("host=a,b").session_attrs, SessionAttrs::Primary);
    let of_replica = resolve(parse("host=a,b").unwrap(), &|_| None, SessionAttrs::Standby).unwrap();
    assert_eq!(of_replica.session_attrs, SessionAttrs::Standby);
    assert_eq!(
        target("host=a,b target_session_attrs=any").session_attrs,
        SessionAttrs::Any
    );
    let url = "postgres://a,b/d?target_session_attrs=prefer-standby&load_balance_hosts=random";
    assert_eq!(
        (target(url).session_attrs, target(url).shuffle),
        (SessionAttrs::PreferStandby, true)
    );
}

#[test]
fn numbers_that_are_zero_leave_it_to_the_system() {
    let liveness =
        target("host=h keepalives_idle=0 keepalives_interval=7 keepalives_count=0 tcp_user_timeout=0").liveness;
    let wanted = Liveness {
        keepalives: true,
        idle: None,
        interval: Some(Duration::from_secs(7)),
        count: None,
        user_timeout: None,
    };
    assert_eq!(liveness, wanted);
    assert!(!target("host=h keepalives=0").liveness.keepalives);
    assert_eq!(target("host=h connect_timeout=0").connect_timeout, None);
    assert_eq!(
        target("host=h connect_timeout=3").connect_timeout,
        Some(Duration::from_secs(3))
    );
}

#[test]
fn tls_is_told_by_its_parameters_and_by_files_at_home() {
    let given = target(
        "postgres://h/d?sslmode=verify-full&sslrootcert=/ca&sslcert=/c&sslkey=/k&sslsni=0&sslnegotiation=direct",
    );
    let wanted = TlsSettings {
        mode: SslMode::VerifyFull,
        direct: true,
        root_cert: Some(RootCert::File("/ca".into())),
        client: Some(("/c".into(), "/k".into())),
        sni: false,
    };
    assert_eq!(given.tls, wanted);
    assert_eq!(target("postgres://h/d?ssl=true").tls.mode, SslMode::Require);
    let system = target("host=h sslrootcert=system").tls;
    assert_eq!(
        (system.mode, system.root_cert),
        (SslMode::VerifyFull, Some(RootCert::System))
    );
    // A root that is not there is nobody's choice; the system's will do, for a name that is checked.
    assert_eq!(target("host=h sslmode=verify-full").tls.root_cert, None);

    let home = home(&[
        (".postgresql/root.crt", ""),
        (".postgresql/postgresql.crt", ""),
        (".postgresql/postgresql.key", ""),
    ]);
    let folder = home.path().join(".postgresql");
    let found = resolved("host=h sslmode=verify-ca", &[("HOME", path(&home))])
        .unwrap()
        .tls;
    assert_eq!(found.root_cert, Some(RootCert::File(folder.join("root.crt"))));
    assert_eq!(
        found.client,
        Some((folder.join("postgresql.crt"), folder.join("postgresql.key")))
    );
}

#[test]
fn who_is_nearer_wins() {
    let home = home(&[(
        ".pg_service.conf",
        "# ours\n[other]\nuser=wrong\n\n[shop]\nhost=service\nuser=service\nuser=again\ndbname=service\n[shop]\nport=1\n",
    )]);
    let environment = [
        ("HOME", path(&home)),
        ("PGHOST", "environment"),
        ("PGPORT", "7"),
        ("PGUSER", "environment"),
        ("PGDATABASE", "environment"),
        ("PGAPPNAME", "environment"),
        ("PGSSLMODE", "require"),
        ("PGOPTIONS", ""),
        ("PGCLIENTENCODING", "LATIN1"),
    ];
    let target = resolved("postgres://h/?service=shop", &environment).unwrap();
    assert_eq!(hosts(&target), ["h:7"]);
    assert_eq!((target.user.as_str(), target.database.as_str()), ("service", "service"));
    assert_eq!(
        (target.application_name.as_str(), target.options),
        ("environment", None)
    );
    assert_eq!(target.tls.mode, SslMode::Require);

    let named = [("HOME", path(&home)), ("PGSERVICE", "shop"), ("PGUSER", "environment")];
    let target = resolved("user=given", &named).unwrap();
    assert_eq!(
        (hosts(&target)[0].as_str(), target.user.as_str()),
        ("service:5432", "given")
    );
    // Given as nothing is given all the same.
    let local = resolved("host='' user=u", &environment).unwrap();
    assert!(local.hosts[0].socket().is_some());
}

#[test]
fn a_variable_that_cannot_be_honoured_is_named() {
    for (variable, value) in [
        ("PGREQUIREAUTH", "hunter2"),
        ("PGGSSENCMODE", "require"),
        ("PGSSLCRL", "hunter2"),
    ] {
        let said = resolved("host=h", &[(variable, value)]).unwrap_err().to_string();
        assert!(said.contains(variable) && !said.contains("hunter2"), "{said}");
    }
}
