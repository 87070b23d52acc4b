//! Credentials, signatures and certificates: what they come to, and what is said of those that are of no use.

use std::fs;

use rcgen::{CertificateParams, KeyPair};
use secrecy::ExposeSecret;

use super::super::{Auth, ClientAuth, HttpSink, Pem, SinkKind};
use super::*;

const SINK: &str = "type = 'http'\nurl = 'https://api.example.com/{id}'\n";

fn file(keys: &str) -> String {
    format!("[source]\nurl = 'postgres://db'\n[syncs.a]\ntable = 'a'\nsink = 'out'\n[sinks.out]\n{SINK}{keys}")
}

fn http(keys: &str) -> HttpSink {
    match loaded(&file(keys)).config.sinks.remove(0).kind {
        SinkKind::Http(http) => *http,
        other => panic!("{other:?}"),
    }
}

fn printed(keys: &str) -> String {
    let printed = loaded(&file(keys)).config.print_masked();
    assert_eq!(printed.matches("hunter2").count(), 0, "{printed}");
    printed
}

/// Where each problem is and what it is.
fn problems(keys: &str) -> Vec<String> {
    let Err(LoadError::Refused { file, report }) = parse(&file(keys)) else {
        panic!("a problem was expected: {keys}")
    };
    let shown = report.render(&file, false);
    assert!(!shown.contains("hunter2"), "{shown}");
    let path = |problem: &super::super::Problem| {
        let path = problem.place.as_ref().map_or("", |place| &place.path);
        path.strip_prefix("sinks.out.").unwrap_or(path).to_owned()
    };
    let problems = report.problems.iter();
    problems
        .map(|problem| format!("{}: {}", path(problem), problem.summary))
        .collect()
}

#[test]
fn nothing_is_the_default() {
    let http = http("");
    assert!(http.access.auth.is_none() && http.access.tls.roots.is_none() && http.access.tls.client.is_none());
    assert!(http.sign.is_empty() && !http.gzip);
}

#[test]
fn user_and_password_are_read_and_printed_without_the_password() {
    let keys = "gzip = true\nauth = { basic = { user = 'me', password = '${SECRET}' } }";
    let http = http(keys);
    let Some(Auth::Basic { user, password }) = &http.access.auth else {
        panic!("{http:?}")
    };
    assert_eq!((user.as_str(), password.text.expose_secret()), ("me", "hunter2"));
    assert!(http.gzip);
    let printed = printed(keys);
    assert!(
        printed.contains("[sinks.out.auth.basic]\nuser = \"me\"\npassword = \"***\"\n"),
        "{printed}"
    );
}

#[test]
fn tokens_by_client_credentials_are_read_and_printed_without_secrets() {
    let required =
        "auth.oauth2 = { token_url = 'https://id/token?key=hunter2', client_id = 'me', client_secret = 'hunter2'";
    let http_of = |more: &str| match http(&format!("{required}{more} }}")).access.auth {
        Some(Auth::OAuth2(oauth2)) => oauth2,
        other => panic!("{other:?}"),
    };
    let short = http_of("");
    assert_eq!((&short.scope, short.client_auth), (&None, ClientAuth::Basic));
    assert_eq!(short.token_url.expose_secret(), "https://id/token?key=hunter2");
    assert_eq!(
        (short.client_id.as_str(), short.client_secret.text.expose_secret()),
        ("me", "hunter2")
    );
    let more = ", scope = 'all', client_auth = 'client_secret_post', parameters = { audience = 'hunter2' }";
    let long = http_of(more);
    assert_eq!(
        (long.scope.as_deref(), long.client_auth),
        (Some("all"), ClientAuth::Post)
    );
    let (name, value) = &long.parameters[0];
    assert_eq!((name.as_str(), value.expose_secret()), ("audience", "hunter2"));
    let printed = printed(&format!("{required}{more} }}"));
    for line in [
        "token_url = \"https://id/token?key=***\"",
        "client_secret = \"***\"",
        "client_auth = \"client_secret_post\"",
        "scope = \"all\"",
        "audience = \"***\"",
    ] {
        assert!(printed.contains(line), "{printed}");
    }
}

#[test]
fn secrets_with_a_file_of_their_own_are_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    fs::write(&path, "whsec_aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMg==\n").unwrap();
    let path = path.display();
    let keys = format!(
        "sign = ['file:{path}', 'whsec_aHVudGVyM2h1bnRlcjNodW50ZXIzaHVudGVyMw==']\nauth.bearer = 'file:{path}'"
    );
    let http = http(&keys);
    let Some(Auth::Bearer(token)) = &http.access.auth else {
        panic!("{http:?}")
    };
    assert_eq!(http.sign.len(), 2);
    fs::write(format!("{path}"), "changed").unwrap();
    assert_eq!(token.read().unwrap().expose_secret(), "changed");
    assert_eq!(http.sign[0].read().unwrap().expose_secret(), "changed");
    fs::write(format!("{path}"), "whsec_aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMg==").unwrap();
    let printed = printed(&keys);
    assert!(
        printed.contains(&format!("sign = [\"file:{path}\", \"***\"]")),
        "{printed}"
    );
    assert!(printed.contains(&format!("bearer = \"file:{path}\"")), "{printed}");
}

#[test]
fn certificates_are_named_or_given() {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::default().self_signed(&key).unwrap().pem();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (cert_file, key_file) = (write("c", &certificate), write("k", &key.serialize_pem()));
    for keys in [
        format!("tls = {{ roots = '{cert_file}', cert = '{cert_file}', key = '{key_file}' }}"),
        format!("tls = {{ roots = 'file:{cert_file}', cert = 'file:{cert_file}', key = 'file:{key_file}' }}"),
    ] {
        let tls = http(&keys).access.tls;
        let (cert, key) = tls.client.unwrap();
        for (pem, path) in [
            (&tls.roots.unwrap(), &cert_file),
            (&cert, &cert_file),
            (&key, &key_file),
        ] {
            assert_eq!(pem.file().unwrap().to_str().unwrap(), path);
        }
        assert!(printed(&keys).contains(&format!("key = \"{key_file}\"")));
    }
    let keys = format!("[sinks.out.tls]\nroots = '''{certificate}'''");
    assert!(matches!(http(&keys).access.tls.roots, Some(Pem::Text(_))));
    assert!(printed(&keys).contains("[sinks.out.tls]\nroots = \"***\""));
}

#[test]
fn each_fault_is_told_at_its_place() {
    let oauth2 = |more: &str| format!("auth.oauth2 = {{ client_id = 'a', client_secret = 'b', {more} }}");
    let cases: &[(&str, &[&str])] = &[
        ("auth = {}", &["auth: `auth` does not say how"]),
        ("auth = 'hunter2'", &["auth: `auth` must be a table"]),
        ("auth.basic = 'hunter2'", &["auth.basic: `basic` must be a table"]),
        (
            "auth = { bearer = 'hunter2', basic = { user = 'x', password = 'hunter2' } }",
            &["auth: `auth` can't be basic and bearer at a time"],
        ),
        ("auth.bearer = ''", &["auth.bearer: `bearer` is empty"]),
        (
            "auth.api_key = 'id:hunter2 '",
            &["auth.api_key: the value of `api_key` can't be sent in a header"],
        ),
        (
            "auth.bearer = 'hunter2 '",
            &["auth.bearer: the value of `bearer` can't be sent in a header"],
        ),
        (
            "auth.basic = {}",
            &["auth.basic: there is no `user`", "auth.basic: there is no `password`"],
        ),
        (
            "auth.basic = { user = 'a:b', password = \"hunter2\\u0000\" }",
            &[
                "auth.basic.user: the user can't have a colon",
                "auth.basic.password: the password can't have control characters",
            ],
        ),
        (
            "auth.oauth2 = {}",
            &[
                "auth.oauth2: there is no `token_url`",
                "auth.oauth2: there is no `client_id`",
                "auth.oauth2: there is no `client_secret`",
            ],
        ),
        (
            &oauth2("token_url = 'ftp://x/?hunter2'"),
            &["auth.oauth2.token_url: the url must begin with http:// or https://"],
        ),
        (
            &oauth2("token_url = 'https://hunter2@x/'"),
            &["auth.oauth2.token_url: the url of the token can't have a user"],
        ),
        (
            &oauth2("token_url = 'https://x/', parameters = { scope = 'hunter2' }"),
            &["auth.oauth2.parameters.scope: the parameter `scope` can't be set"],
        ),
        (
            &oauth2("token_url = 'https://x/', client_auth = 'post'"),
            &["auth.oauth2.client_auth: `client_auth` can't be \"post\""],
        ),
        (
            "auth.bearer = 'hunter2'\nheaders = { AUTHORIZATION = 'hunter2' }",
            &["headers.AUTHORIZATION: the header `AUTHORIZATION` and `auth` can't both be given"],
        ),
        ("sign = []", &["sign: `sign` can't be 0 secrets"]),
        (
            "sign = 'hunter2'",
            &["sign: a secret to sign with begins with `whsec_`"],
        ),
        (
            "sign = ['whsec_hunter2!', 'whsec_']",
            &[
                "sign: what follows `whsec_` is not Base64",
                "sign: nothing follows `whsec_`",
            ],
        ),
        (
            "gzip = true\nsign = 'whsec_aHVudGVyM2h1bnRlcjNodW50ZXIzaHVudGVyMw=='",
            &["gzip: `gzip` and `sign` can't go together"],
        ),
        (
            "gzip = true\nheaders = { Content-Encoding = 'br' }",
            &["headers.Content-Encoding: the header `Content-Encoding` and `gzip` can't both be given"],
        ),
        (
            "tls = { roots = '/no/such/file', key = \"-----BEGIN hunter2\" }",
            &[
                "tls.key: there is no `cert` to go with it",
                "tls.roots: the value of `roots` is of no use: can't read /no/such/file: No such file or directory (os error 2)",
                "tls.key: the value of `key` is of no use: it is damaged PEM",
            ],
        ),
        ("tls.rots = 'x'", &["tls.rots: unknown key `rots`"]),
    ];
    for (keys, expected) in cases {
        assert_eq!(problems(keys), *expected, "{keys}");
    }
}

#[test]
fn a_user_in_the_url_and_credentials_are_one_too_many() {
    let text = file("auth.bearer = 'x'").replace("https://", "https://me:hunter2@");
    let shown = refused(&text);
    assert!(shown.contains("the url has a user, and there is `auth`"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_short_key_is_worth_a_warning() {
    let Loaded { report, .. } = loaded(&file("sign = 'whsec_aHVudGVyMg=='"));
    assert_eq!((report.errors(), report.warnings()), (0, 1));
    assert_eq!(report.problems[0].summary, "the key of this secret has only 7 bytes");
}
