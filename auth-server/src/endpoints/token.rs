//! `/oauth/token` (RFC 6749 section 3.2): authenticates the client, then the grant (`grants/`) does the rest.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::client_request::{ClientRequest, Endpoint, answer};
use super::guide;
use crate::grants;
use crate::pages::GuidePage;
use crate::protocol::OAuthError;
use crate::server::AuthServer;

const TOKEN: Endpoint = Endpoint("token");

pub async fn token(request: HttpRequest, payload: web::Payload, server: web::Data<AuthServer>) -> HttpResponse {
    let ClientRequest { client, parameters } = match ClientRequest::read(TOKEN, &request, payload, &server).await {
        Ok(request) => request,
        Err(answer) => return answer,
    };
    match grants::grant(&server, &client, &parameters).await {
        Ok(response) => answer(StatusCode::OK).json(response),
        Err(error) => {
            let error = documented(error.public(), &server);
            TOKEN.refuse(&server, &client, &error).await
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
