//! Admin HTTP: whether the process lives, whether it is ready and why not, and its metrics.
//!
//! Text from the database never leaves through here; what is said of errors is what the logs say.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::pipeline::Health;

/// What the pages show.
#[derive(Debug, Clone)]
pub struct Shown {
    pub health: Arc<Health>,
    pub metrics: PrometheusHandle,
    pub token: Option<Arc<SecretString>>,
}

/// Serves until `stop`.
pub async fn serve(listener: TcpListener, shown: Shown, stop: CancellationToken) {
    let guarded = Router::new()
        .route("/metrics", get(metrics))
        .route("/readyz", get(readyz))
        .route_layer(middleware::from_fn_with_state(shown.clone(), authorize));
    // Open to all: an orchestrator asks without a token, and it tells nothing.
    let router = Router::new()
        .route("/healthz", get(healthz))
        .merge(guarded)
        .with_state(shown);
    let served = axum::serve(listener, router)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await;
    if let Err(error) = served {
        tracing::error!(error = error.to_string(), "the admin server has ended");
    }
}

async fn healthz() -> &'static str {
    "ok\n"
}

async fn readyz(State(shown): State<Shown>) -> Response {
    let reasons = shown.health.reasons();
    let status = if reasons.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = json!({ "ready": reasons.is_empty(), "reasons": reasons }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn metrics(State(shown): State<Shown>) -> Response {
    shown.metrics.run_upkeep();
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        shown.metrics.render(),
    )
        .into_response()
}

async fn authorize(State(shown): State<Shown>, request: Request, next: Next) -> Response {
    let Some(token) = &shown.token else {
        return next.run(request).await;
    };
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let given = given
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default();
    if same(given.as_bytes(), token.expose_secret().as_bytes()) {
        next.run(request).await
    } else {
        (
            StatusCode::UNAUTHORIZED,
            [(header::WWW_AUTHENTICATE, "Bearer")],
            "a token is wanted\n",
        )
            .into_response()
    }
}

/// Compares in a time that does not tell how much was right.
fn same(given: &[u8], wanted: &[u8]) -> bool {
    let difference = given
        .iter()
        .zip(wanted)
        .fold(0, |difference, (a, b)| difference | (a ^ b));
    given.len() == wanted.len() && difference == 0
}
