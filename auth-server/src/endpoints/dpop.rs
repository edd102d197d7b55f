//! The header `DPoP` (RFC 9449 section 4.1) of a request, and `DPoP-Nonce` (section 8) of an answer.

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use shared_claims::dpop::InvalidProof;

use crate::grants::{GrantError, ProvenKey};
use crate::protocol::{ErrorCode, OAuthError};
use crate::server::AuthServer;
use crate::tokens::dpop_nonce;

/// The key that the request proves; none where it carries no proof. `path`: of the endpoint, below the issuer.
pub async fn proven_key(
    request: &HttpRequest,
    server: &AuthServer,
    path: &str,
    access_token: Option<&str>,
) -> Result<Option<ProvenKey>, GrantError> {
    let mut headers = request.headers().get_all("dpop");
    let Some(header) = headers.next() else { return Ok(None) };
    if headers.next().is_some() {
        return Err(malformed("there is more than one header DPoP").into());
    }
    let proof = header.to_str().map_err(|_| malformed("the header DPoP is not ASCII"))?;
    ProvenKey::prove(server, proof, request.method().as_str(), path, access_token).await.map(Some)
}

fn malformed(description: &str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidDpopProof, InvalidProof::Malformed.reason(), description)
}

/// The answer with the nonce for the next proof, where this server demands one.
pub fn with_nonce(mut response: HttpResponse, server: &AuthServer) -> HttpResponse {
    if server.require_dpop_nonce
        && let Ok(nonce) = HeaderValue::from_str(&dpop_nonce::current(&server.master_key, server.now()))
    {
        response.headers_mut().insert(HeaderName::from_static("dpop-nonce"), nonce);
    }
    response
}
