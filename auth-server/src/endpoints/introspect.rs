//! `/oauth/introspect` (RFC 7662): what a token allows now, for whom it concerns.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::client_request::{ClientRequest, Endpoint, answer};
use crate::grants::introspection;
use crate::server::AuthServer;

const INTROSPECT: Endpoint = Endpoint("introspect");

pub async fn post(request: HttpRequest, payload: web::Payload, server: web::Data<AuthServer>) -> HttpResponse {
    let ClientRequest { client, parameters } = match ClientRequest::read(INTROSPECT, &request, payload, &server).await {
        Ok(request) => request,
        Err(answer) => return answer,
    };
    match introspection::introspect(&server, &client, &parameters).await {
        Ok(introspection) => answer(StatusCode::OK).json(introspection),
        Err(error) => {
            let error = error.public();
            INTROSPECT.refuse(&server, &client, &error).await
        }
    }
}
