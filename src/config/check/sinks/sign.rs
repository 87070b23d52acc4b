//! `sign`: secrets as in <https://www.standardwebhooks.com>, several while one takes the place of another.

use secrecy::ExposeSecret;

use crate::config::raw::{At, Field};
use crate::config::{Problem, Report, Secret, SignError, signing_key};

/// So many bytes at least a key should have.
const KEY_BYTES_MIN: usize = 24;

/// Each makes every request longer.
const SECRETS_MAX: usize = 10;

pub fn sign(raw: Field<Vec<At<Secret>>>, report: &mut Report) -> Vec<Secret> {
    let Some(At { value: secrets, place }) = raw.into_given() else {
        return Vec::new();
    };
    if secrets.is_empty() || secrets.len() > SECRETS_MAX {
        let problem = Problem::at(&place, format!("`sign` can't be {} secrets", secrets.len()));
        report.push(problem.help(format!("wanted are from 1 to {SECRETS_MAX}")));
    }
    for secret in &secrets {
        check(secret, report);
    }
    secrets.into_iter().map(|at| at.value).collect()
}

fn check(secret: &At<Secret>, report: &mut Report) {
    let problem = |summary: &str| Problem::at(&secret.place, summary);
    match signing_key(secret.value.text.expose_secret()) {
        Err(error @ SignError::Prefix) => {
            report.push(problem(&error.to_string()).help("wanted is `whsec_` and a key in Base64"));
        }
        Err(error) => report.push(problem(&error.to_string())),
        Ok(key) if key.len() < KEY_BYTES_MIN => {
            let problem = problem(&format!("the key of this secret has only {} bytes", key.len()));
            report.push(
                problem
                    .help(format!("the specification asks for at least {KEY_BYTES_MIN}"))
                    .warning(),
            );
        }
        Ok(_) => {}
    }
}
