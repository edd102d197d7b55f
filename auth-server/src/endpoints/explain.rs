//! `/oauth/explain`: why an exchange would be granted or refused. The request of the token endpoint (RFC 8693 section 2.1), from
//! a client that proves who it is; the answer is what `exchange explain --json` prints. Off unless set: it tells an API more than
//! a refusal does, for development and demos.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::client_request::{ClientRequest, Endpoint, answer};
use super::dpop;
use crate::exchange::Report;
use crate::grants::on_behalf_of::explaining;
use crate::grants::{AuthenticatedClient, GrantError};
use crate::protocol::Parameters;
use crate::server::AuthServer;

const EXPLAIN: Endpoint = Endpoint("explain");

/// Below the issuer.
pub const PATH: &str = "/oauth/explain";

pub async fn post(request: HttpRequest, payload: web::Payload, server: web::Data<AuthServer>) -> HttpResponse {
    let ClientRequest { client, parameters } = match ClientRequest::read(EXPLAIN, &request, payload, &server).await {
        Ok(request) => request,
        Err(answer) => return answer,
    };
    let response = match explain(&request, &server, &client, &parameters).await {
        Ok(report) => answer(StatusCode::OK).json(report),
        Err(error) => EXPLAIN.refuse(&server, &client, &error.public()).await,
    };
    dpop::with_nonce(response, &server)
}

/// A proof of possession is one for this address (RFC 9449 section 4.3): the token endpoint's would be used up here.
async fn explain(
    request: &HttpRequest,
    server: &AuthServer,
    client: &AuthenticatedClient,
    parameters: &Parameters,
) -> Result<Report, GrantError> {
    let key = dpop::proven_key(request, server, PATH, None).await?;
    explaining::for_the_asker(server, client, parameters, key.as_ref()).await
}
