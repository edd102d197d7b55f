//! `/oauth/token` (RFC 6749 section 3.2): authenticates the client, then the grant (`grants/`) does the rest.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, web};

use super::{form, guide};
use crate::audit::Event;
use crate::grants::{self, AuthenticatedClient};
use crate::pages::GuidePage;
use crate::protocol::{ClientAuthenticationFailure, ClientCredentials, OAuthError};
use crate::server::AuthServer;

pub async fn token(request: HttpRequest, payload: web::Payload, server: web::Data<AuthServer>) -> HttpResponse {
    let parameters = match form::read(&request, payload).await {
        Ok(parameters) => parameters,
        Err(no_form) => {
            let (status, error) = no_form.describe();
            return refused(None, status, &error);
        }
    };
    let headers: Vec<&[u8]> = request.headers().get_all("authorization").map(HeaderValue::as_bytes).collect();
    let credentials = match ClientCredentials::read(headers, request.query_string(), &parameters) {
        Ok(credentials) => credentials,
        Err(failure) => return unauthenticated(&server, None, &failure),
    };
    let client = match AuthenticatedClient::authenticate(&credentials, &server.registry()) {
        Ok(client) => client,
        Err(failure) => return unauthenticated(&server, Some(credentials.client_id()), &failure),
    };
    match grants::grant(&server, &client, &parameters).await {
        Ok(response) => answer(StatusCode::OK).json(response),
        Err(error) => {
            let error = documented(error.public(), &server);
            refused(Some(client.id.as_str()), error.status(), &error)
        }
    }
}

/// Names the page that explains the refusal, where this server shows it.
fn documented(error: OAuthError, server: &AuthServer) -> OAuthError {
    if server.error_docs && GuidePage::explains(error.reason) {
        let uri = format!("{}#{}", server.issuer.endpoint(guide::PATH), error.reason);
        error.with_uri(uri)
    } else {
        error
    }
}

fn unauthenticated(server: &AuthServer, client: Option<&str>, failure: &ClientAuthenticationFailure) -> HttpResponse {
    let mut response = refused(client, failure.error.status(), &failure.error);
    let challenge = failure.challenge(server.issuer.as_str()).and_then(|text| HeaderValue::from_str(&text).ok());
    if let Some(challenge) = challenge {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

fn refused(client: Option<&str>, status: u16, error: &OAuthError) -> HttpResponse {
    Event::Refused { endpoint: "token", client, error: error.code.as_str(), reason: error.reason }.record();
    metrics::counter!("token_requests_refused_total", "error" => error.code.as_str(), "reason" => error.reason)
        .increment(1);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = answer(status);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.insert_header((RETRY_AFTER, "1"));
    }
    response.json(error)
}

/// RFC 6749 section 5.1: neither tokens nor errors may be kept by anybody between.
fn answer(status: StatusCode) -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header((PRAGMA, "no-cache"));
    response
}
