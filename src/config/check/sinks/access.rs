//! `auth` and `tls`, of every sink that is reached over HTTP.

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use crate::config::raw::{At, Field, RawAccess, RawAuth, RawBasic, RawOAuth2, RawTls};
use crate::config::wording::listed;
use crate::config::{Access, Auth, ClientAuth, OAuth2, Pem, PemError, Place, Problem, Report, Secret, Tls};

const KINDS: [&str; 4] = ["basic", "bearer", "api_key", "oauth2"];

/// What a request for a token has anyway.
const OWN_PARAMETERS: [&str; 4] = ["grant_type", "client_id", "client_secret", "scope"];

pub fn access(raw: RawAccess, report: &mut Report) -> Access {
    Access {
        auth: raw.auth.into_given().and_then(|auth| self::auth(auth, report)),
        tls: tls(raw.tls, report),
    }
}

fn auth(At { value: raw, place }: At<RawAuth>, report: &mut Report) -> Option<Auth> {
    let RawAuth {
        basic,
        bearer,
        api_key,
        oauth2,
    } = raw;
    let present = [
        !matches!(basic, Field::Absent),
        !matches!(bearer, Field::Absent),
        !matches!(api_key, Field::Absent),
        !matches!(oauth2, Field::Absent),
    ];
    let named: Vec<_> = KINDS
        .into_iter()
        .zip(present)
        .filter_map(|(kind, is)| is.then_some(kind))
        .collect();
    if named.len() != 1 {
        let summary = match named.as_slice() {
            [] => "`auth` does not say how".to_owned(),
            several => format!("`auth` can't be {} at a time", several.join(" and ")),
        };
        let problem = Problem::at(&place, summary);
        report.push(problem.help(format!("wanted is one of {}", listed(&KINDS, '`'))));
    }
    if let Some(at) = basic.into_given() {
        let (user, password) = self::basic(at, report);
        return Some(Auth::Basic { user, password });
    }
    if let Some(at) = bearer.into_given() {
        check_visible("bearer", &at, report);
        return Some(Auth::Bearer(at.value));
    }
    if let Some(at) = api_key.into_given() {
        check_visible("api_key", &at, report);
        return Some(Auth::ApiKey(at.value));
    }
    oauth2
        .into_given()
        .map(|at| Auth::OAuth2(Box::new(self::oauth2(at, report))))
}

/// User and password.
pub(super) fn basic(At { value: raw, place }: At<RawBasic>, report: &mut Report) -> (String, Secret) {
    if let Some(user) = raw.user.given() {
        let problem = |summary: &str| Problem::at(&user.place, summary);
        if user.value.contains(':') {
            report.push(problem("the user can't have a colon").label("what follows it would be the password"));
        }
        if user.value.contains(char::is_control) {
            report.push(problem("the user can't have control characters"));
        }
    }
    if let Some(password) = raw.password.given()
        && password.value.text.expose_secret().contains(char::is_control)
    {
        report.push(Problem::at(
            &password.place,
            "the password can't have control characters",
        ));
    }
    (
        required("user", raw.user, &place, report).unwrap_or_default(),
        required("password", raw.password, &place, report).unwrap_or_else(nothing),
    )
}

fn oauth2(At { value: raw, place }: At<RawOAuth2>, report: &mut Report) -> OAuth2 {
    if let Some(url) = raw.token_url.given() {
        check_token_url(url, report);
    }
    let parameters = raw.parameters.or(Vec::new());
    for (name, _) in parameters
        .iter()
        .filter(|(name, _)| OWN_PARAMETERS.contains(&name.value.as_str()))
    {
        let problem = Problem::at(&name.place, format!("the parameter `{}` can't be set", name.value));
        report.push(problem.label("each request for a token has its own"));
    }
    OAuth2 {
        token_url: required("token_url", raw.token_url, &place, report).unwrap_or_default(),
        client_id: required("client_id", raw.client_id, &place, report).unwrap_or_default(),
        client_secret: required("client_secret", raw.client_secret, &place, report).unwrap_or_else(nothing),
        scope: raw.scope.into_given().map(|at| at.value),
        client_auth: raw.client_auth.or(ClientAuth::Basic),
        parameters: parameters
            .into_iter()
            .map(|(name, value)| (name.value, value.value))
            .collect(),
    }
}

/// Says nothing of what the URL holds, for that may be secret.
fn check_token_url(url: &At<SecretString>, report: &mut Report) {
    let fault = match Url::parse(url.value.expose_secret()) {
        Ok(parsed) if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() => {
            "the url must begin with http:// or https://".to_owned()
        }
        Ok(parsed) if !parsed.username().is_empty() || parsed.password().is_some() => {
            "the url of the token can't have a user".to_owned()
        }
        Ok(_) => return,
        Err(error) => format!("the url is malformed: {error}"),
    };
    report.push(Problem::at(&url.place, fault));
}

/// Fit for a header.
fn check_visible(key: &str, secret: &At<Secret>, report: &mut Report) {
    let text = secret.value.text.expose_secret();
    if text.is_empty() {
        report.push(Problem::at(&secret.place, format!("`{key}` is empty")).label("this comes to nothing"));
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let problem = Problem::at(&secret.place, format!("the value of `{key}` can't be sent in a header"));
        report.push(problem.help("allowed is printable ASCII without spaces"));
    }
}

pub(super) fn tls(raw: RawTls, report: &mut Report) -> Tls {
    let (cert, key) = (pem_of(raw.cert), pem_of(raw.key));
    for (one, other, missing) in [(&cert, &key, "key"), (&key, &cert, "cert")] {
        if let (Some((_, place)), None) = (one, other) {
            let problem = Problem::at(place, format!("there is no `{missing}` to go with it"));
            report.push(problem.help("a client shows its certificate and proves by the key that it is its own"));
        }
    }
    let roots = pem_of(raw.roots);
    check_pem("roots", roots.as_ref(), |pem| pem.certificates().map(drop), report);
    check_pem("cert", cert.as_ref(), |pem| pem.certificates().map(drop), report);
    check_pem("key", key.as_ref(), |pem| pem.private_key().map(drop), report);
    Tls {
        roots: roots.map(|(pem, _)| pem),
        client: cert.zip(key).map(|((cert, _), (key, _))| (cert, key)),
    }
}

/// The name of a file, or what stands in one.
fn pem_of(field: Field<Secret>) -> Option<(Pem, Place)> {
    let At { value, place } = field.into_given()?;
    let text = value.text.expose_secret();
    let pem = match value.file() {
        Some(file) => Pem::File(file.to_owned()),
        None if text.contains("-----BEGIN") || text.contains('\n') => Pem::Text(value.text.clone()),
        None => Pem::File(text.into()),
    };
    Some((pem, place))
}

fn check_pem(
    key: &str,
    pem: Option<&(Pem, Place)>,
    read: impl FnOnce(&Pem) -> Result<(), PemError>,
    report: &mut Report,
) {
    if let Some((pem, place)) = pem
        && let Err(error) = read(pem)
    {
        report.push(Problem::at(
            place,
            format!("the value of `{key}` is of no use: {error}"),
        ));
    }
}

/// What is missing is reported where it should stand.
fn required<T>(key: &str, field: Field<T>, table: &Place, report: &mut Report) -> Option<T> {
    if field.is_absent() {
        report.push(Problem::at(table, format!("there is no `{key}`")).label("it is required here"));
    }
    field.into_given().map(|at| at.value)
}

fn nothing() -> Secret {
    Secret::from(SecretString::default())
}
