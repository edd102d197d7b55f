//! What the endpoints for clients share (`/oauth/token`, `/oauth/introspect`, `/oauth/revoke`): a form, a client that
//! proves who it is (RFC 6749 section 2.3), and answers that nobody keeps.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};

use super::form;
use crate::audit::Event;
use crate::grants::{AuthenticatedClient, GrantError};
use crate::protocol::{ClientAuthenticationFailure, ClientCredentials, OAuthError, Parameters};
use crate::server::AuthServer;

/// A request whose client has proved who it is.
pub struct ClientRequest {
    pub client: AuthenticatedClient,
    pub parameters: Parameters,
}

/// Where the request came in, as it stands on record.
#[derive(Clone, Copy)]
pub struct Endpoint(pub &'static str);

impl ClientRequest {
    /// Reads the form and authenticates the client; otherwise, the answer.
    pub async fn read(
        endpoint: Endpoint,
        request: &HttpRequest,
        payload: web::Payload,
        server: &AuthServer,
    ) -> Result<Self, HttpResponse> {
        let parameters = match form::read(request, payload).await {
            Ok(parameters) => parameters,
            Err(no_form) => {
                let (status, error) = no_form.describe();
                return Err(endpoint.refuse_stranger(server, None, status, &error));
            }
        };
        let headers: Vec<&[u8]> = request.headers().get_all("authorization").map(HeaderValue::as_bytes).collect();
        let credentials = ClientCredentials::read(headers, request.query_string(), &parameters)
            .map_err(|failure| endpoint.unauthenticated(server, None, &failure))?;
        let client = AuthenticatedClient::authenticate(&credentials, &server.registry())
            .map_err(|failure| endpoint.unauthenticated(server, Some(credentials.client_id()), &failure))?;
        Ok(Self { client, parameters })
    }
}

impl Endpoint {
    /// An OAuth error (RFC 6749 section 5.2) for a client that has proved who it is: on record before it leaves.
    pub async fn refuse(self, server: &AuthServer, client: &AuthenticatedClient, error: &OAuthError) -> HttpResponse {
        let client = Some(client.id.as_str());
        let event = Event::Refused { endpoint: self.0, client, error: error.code.as_str(), reason: error.reason };
        // What the server cannot do now is no refusal; and without its database it could not put it on record.
        if error.status() < 500
            && let Err(not_recorded) = server.ledger.record(&event).await
        {
            let error = GrantError::from(not_recorded).public();
            return self.answer(error.status(), &error);
        }
        self.answer(error.status(), error)
    }

    /// The same for somebody unknown: in the log at once, in the ledger counted.
    fn refuse_stranger(
        self,
        server: &AuthServer,
        client: Option<&str>,
        status: u16,
        error: &OAuthError,
    ) -> HttpResponse {
        server.ledger.count_stranger(self.0, error);
        Event::Refused { endpoint: self.0, client, error: error.code.as_str(), reason: error.reason }.log();
        self.answer(status, error)
    }

    fn answer(self, status: u16, error: &OAuthError) -> HttpResponse {
        metrics::counter!(
            "token_requests_refused_total",
            "endpoint" => self.0, "error" => error.code.as_str(), "reason" => error.reason
        )
        .increment(1);
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = answer(status);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((RETRY_AFTER, "1"));
        }
        response.json(error)
    }

    fn unauthenticated(
        self,
        server: &AuthServer,
        client: Option<&str>,
        failure: &ClientAuthenticationFailure,
    ) -> HttpResponse {
        let mut response = self.refuse_stranger(server, client, failure.error.status(), &failure.error);
        let challenge = failure.challenge(server.issuer.as_str()).and_then(|text| HeaderValue::from_str(&text).ok());
        if let Some(challenge) = challenge {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// RFC 6749 section 5.1: neither tokens nor errors may be kept by anybody between.
pub fn answer(status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header((PRAGMA, "no-cache"));
    response
}
