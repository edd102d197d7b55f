//! The demo app: its page at `/` and `/callback`, its files below `/app/`, and `/demo/config.json`, which tells it where to
//! sign in. The files are embedded in the binary.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use actix_web::web::{Data, Path, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use rust_embed::{Embed, EmbeddedFile};
use serde::Serialize;
use shared_claims::Problem;
use shared_claims::service::{answer, read};

use crate::config::Config;
use crate::demo::Demo;

#[derive(Embed)]
#[folder = "../demo-app/"]
struct Files;

const SCOPE: &str = "openid profile offline_access read:reports write:reports";

/// What the demo app needs to know, and what its pages may load.
pub struct DemoApp {
    settings: AppSettings,
    content_security_policy: String,
}

/// The answer of `GET /demo/config.json`.
#[derive(Clone, Serialize)]
struct AppSettings {
    issuer: String,
    client_id: String,
    /// The API that the app's token is for.
    audience: String,
    redirect_uri: String,
    post_logout_redirect_uri: String,
    scope: &'static str,
    /// Whether there is an archive of earlier years.
    archive: bool,
    /// What the page of the six steps can show. None: demo mode is off.
    demo: Option<Stage>,
}

/// What there is to be seen and tried in demo mode.
#[derive(Clone, Serialize)]
struct Stage {
    /// API A's client identity: the `act` of token B.
    client_id: String,
    /// The page calls it itself, to see its own token refused there.
    api_b: Place,
    /// The first API of the longer chain.
    chain: Option<Further>,
    /// Whether attacks come with an explanation: the auth server says so.
    explain: bool,
}

#[derive(Clone, Serialize)]
struct Place {
    url: String,
    identifier: String,
}

#[derive(Clone, Serialize)]
struct Further {
    identifier: String,
}

impl Stage {
    fn of(config: &Config) -> Option<Self> {
        let demo = config.demo.as_ref()?;
        let downstream = &config.downstream;
        let url = downstream.public_url.as_ref().unwrap_or(&downstream.url);
        Some(Self {
            client_id: config.client.id.clone(),
            api_b: Place {
                url: url.as_str().trim_end_matches('/').to_owned(),
                identifier: downstream.audience.clone(),
            },
            chain: demo.chain.as_ref().map(|chain| Further { identifier: chain.audience.clone() }),
            explain: false,
        })
    }
}

impl DemoApp {
    /// The demo app of this configuration, if it is served.
    #[must_use]
    pub fn of(config: &Config) -> Option<Self> {
        let client_id = config.demo_app.clone()?;
        let base = config.public_url.as_str().trim_end_matches('/');
        let settings = AppSettings {
            issuer: config.issuer.as_str().to_owned(),
            client_id,
            audience: config.identifier.clone(),
            redirect_uri: format!("{base}/callback"),
            post_logout_redirect_uri: format!("{base}/"),
            scope: SCOPE,
            archive: config.archive.is_some(),
            demo: Stage::of(config),
        };
        let origins = match &settings.demo {
            Some(stage) => format!("{} {}", config.issuer.origin(), origin(&stage.api_b.url)),
            None => config.issuer.origin(),
        };
        // Nothing but our own files and the auth server (and API B, in demo mode); forms are sent by script, so none may be posted by the browser.
        let content_security_policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' {origins}; \
             form-action 'none'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'"
        );
        Some(Self { settings, content_security_policy })
    }

    fn answer(&self) -> HttpResponseBuilder {
        let mut answer = HttpResponse::Ok();
        answer
            .insert_header(("Content-Security-Policy", self.content_security_policy.as_str()))
            // The redirect from the auth server has a code in its address.
            .insert_header(("Referrer-Policy", "no-referrer"))
            .insert_header(("Cross-Origin-Opener-Policy", "same-origin"))
            .insert_header(("X-Frame-Options", "DENY"));
        answer
    }
}

fn origin(url: &str) -> String {
    url::Url::parse(url).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}

/// The routes of the app.
pub fn routes(app: Data<DemoApp>) -> impl FnOnce(&mut ServiceConfig) {
    move |routes: &mut ServiceConfig| {
        routes
            .app_data(app)
            .service(resource("/").route(read().to(page)))
            .service(resource("/callback").route(read().to(page)))
            .service(resource("/app/{path:.*}").route(read().to(file)))
            .service(resource("/demo/config.json").route(read().to(settings)));
    }
}

async fn page(app: Data<DemoApp>) -> Result<HttpResponse, Problem> {
    match Files::get("index.html") {
        Some(page) => Ok(app
            .answer()
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
            .body(page.data)),
        None => Err(answer::not_found().await),
    }
}

async fn file(request: HttpRequest, path: Path<String>, app: Data<DemoApp>) -> Result<HttpResponse, Problem> {
    let Some(file) = Files::get(&path) else { return Err(answer::not_found().await) };
    let etag = etag(&file);
    let known = request.headers().get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let mut answer = if known { HttpResponse::NotModified() } else { app.answer() };
    // A browser asks each time whether its copy is the current one: a page and its scripts always fit together.
    answer.insert_header((ETAG, etag)).insert_header((CACHE_CONTROL, "no-cache"));
    if known {
        return Ok(answer.finish());
    }
    let content_type = format!("{}; charset=utf-8", file.metadata.mimetype());
    Ok(answer.insert_header((CONTENT_TYPE, content_type)).body(file.data))
}

/// The first 64 bits of the file's SHA-256.
fn etag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash()[..8].iter().fold(0_u64, |hash, byte| (hash << 8) | u64::from(*byte));
    format!("\"{hash:016x}\"")
}

async fn settings(app: Data<DemoApp>, demo: Option<Data<Demo>>) -> HttpResponse {
    let mut settings = app.settings.clone();
    if let (Some(stage), Some(demo)) = (&mut settings.demo, demo) {
        stage.explain = demo.scene.by_hand.is_explained().await;
    }
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(settings)
}
