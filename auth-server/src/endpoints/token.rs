//! `/oauth/token` (RFC 6749 section 3.2): authenticates the client, then the grant (`grants/`) does the rest.

use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::{HttpRequest, HttpResponse, web};

use super::client_request::{ClientRequest, Endpoint, answer};
use super::{dpop, guide};
use crate::grants::{self, AuthenticatedClient, GrantError, TokenResponse};
use crate::pages::GuidePage;
use crate::protocol::{OAuthError, Parameters};
use crate::server::AuthServer;

const TOKEN: Endpoint = Endpoint("token");

/// Below the issuer.
pub const PATH: &str = "/oauth/token";

pub async fn token(request: HttpRequest, payload: web::Payload, server: web::Data<AuthServer>) -> HttpResponse {
    let ClientRequest { client, parameters } = match ClientRequest::read(TOKEN, &request, payload, &server).await {
        Ok(request) => request,
        Err(answer) => return answer,
    };
    let response = match grant(&request, &server, &client, &parameters).await {
        Ok(response) => answer(StatusCode::OK).content_type(ContentType::json()).body(response.to_json()),
        Err(error) => {
            let error = documented(error.public(), &server);
            TOKEN.refuse(&server, &client, &error).await
        }
    };
    dpop::with_nonce(response, &server)
}

async fn grant(
    request: &HttpRequest,
    server: &AuthServer,
    client: &AuthenticatedClient,
    parameters: &Parameters,
) -> Result<TokenResponse, GrantError> {
    let key = dpop::proven_key(request, server, PATH, None).await?;
    grants::grant(server, client, parameters, key.as_ref()).await
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
