//! `/oauth/revoke` (RFC 7009): a client gives back what it holds.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::client_request::{ClientRequest, Endpoint, answer};
use crate::grants::revocation;
use crate::server::AuthServer;

const REVOKE: Endpoint = Endpoint("revoke");

pub async fn post(request: HttpRequest, payload: web::Payload, server: web::Data<AuthServer>) -> HttpResponse {
    let ClientRequest { client, parameters } = match ClientRequest::read(REVOKE, &request, payload, &server).await {
        Ok(request) => request,
        Err(answer) => return answer,
    };
    match revocation::revoke(&server, &client, &parameters).await {
        Ok(()) => answer(StatusCode::OK).finish(),
        Err(error) => {
            let error = error.public();
            REVOKE.refuse(&server, &client, &error).await
        }
    }
}
