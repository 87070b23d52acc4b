//! Service files and password files.

use super::*;

#[test]
fn a_service_file_must_be_there_and_in_order() {
    let home = home(&[
        (".pg_service.conf", "[own]\nhost=own\n"),
        (
            "named.conf",
            "[a]\nhost=named\n[b]\nuser = x\n[c]\nservice=a\n[d]\nnonsense\n[e]\nldap://x\n",
        ),
        ("system/pg_service.conf", "[all]\nhost=system\n"),
    ]);
    let system = home.path().join("system");
    let at_home = [("HOME", path(&home)), ("PGSYSCONFDIR", system.to_str().unwrap())];
    assert_eq!(hosts(&resolved("service=own", &at_home).unwrap()), ["own:5432"]);
    assert_eq!(hosts(&resolved("service=all", &at_home).unwrap()), ["system:5432"]);
    let file = home.path().join("named.conf");
    let named = [("PGSERVICEFILE", file.to_str().unwrap())];
    assert_eq!(hosts(&resolved("service=a", &named).unwrap()), ["named:5432"]);
    for (service, wanted) in [
        ("b", "named.conf, line 4: unknown connection parameter"),
        ("c", "line 6: a service can't refer to another one"),
        ("d", "line 8: wanted is `name=value`"),
        ("e", "line 10: services can't be looked up by LDAP here"),
        ("f", "no service of this name in "),
    ] {
        let said = resolved(&format!("service={service}"), &named).unwrap_err().to_string();
        assert!(said.contains(wanted), "{said}");
    }
    let missing = resolved("service=a", &[("PGSERVICEFILE", "/no/such/file")]);
    assert!(matches!(missing, Err(InvalidDsn::File { .. })), "{missing:?}");
}

#[test]
fn a_password_is_found_by_whom_it_is_for() {
    let lines = r"# host:port:database:user:password
h:5432:d:empty:
h:5432:d:u:exact
h:*:d:u:any port
*:*:*:replica:h\:u\\n
a\:b:*:*:u:colon
localhost:*:*:u:local
10.0.0.1:*:*:u:address
broken
*:*:*:u
*:*:*:last:for all: of it
";
    let home = home(&[(".pgpass", lines)]);
    let at_home = [("HOME", path(&home))];
    for (text, wanted) in [
        ("host=h user=u dbname=d", Some("exact")),
        ("host=h user=u dbname=d port=1", Some("any port")),
        ("host=h user=u dbname=e", None),
        ("host=h user=empty dbname=d", None),
        ("host=x user=replica", Some(r"h:u\n")),
        ("host=a:b user=u", Some("colon")),
        ("host=/tmp user=u", Some("local")),
        ("host=/somewhere/else user=u", None),
        ("hostaddr=10.0.0.1 user=u", Some("address")),
        ("host=x user=last", Some("for all: of it")),
        ("host=h user=u dbname=d password=given", Some("given")),
    ] {
        assert_eq!(password(&resolved(text, &at_home).unwrap()), wanted, "{text}");
    }
    let each = resolved("host=h,x,10.0.0.1 user=u dbname=d port=1", &at_home).unwrap();
    let each = each
        .hosts
        .iter()
        .map(|host| host.password.as_ref().map(|it| it.expose_secret().to_owned()));
    assert_eq!(
        each.collect::<Vec<_>>(),
        [Some("any port".to_owned()), None, Some("address".to_owned())]
    );
}

#[test]
fn a_password_file_that_others_can_read_is_not_read() {
    let home = home(&[("mine", "*:*:*:*:hunter2\n")]);
    let file = home.path().join("mine");
    let text = format!("host=h user=u passfile={}", file.display());
    assert_eq!(password(&target(&text)), Some("hunter2"));
    assert_eq!(
        password(&resolved("host=h", &[("PGPASSFILE", file.to_str().unwrap())]).unwrap()),
        Some("hunter2")
    );
    for mode in [0o640, 0o604] {
        allow(&file, mode);
        let target = target(&text);
        assert_eq!(password(&target), None);
        assert!(target.passfile_problem.unwrap().contains("0600"));
    }
    let missing = target("host=h user=u passfile=/no/such/file");
    assert_eq!((password(&missing), &missing.passfile_problem), (None, &None));
}
