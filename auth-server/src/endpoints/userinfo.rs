//! `/userinfo` (OpenID Connect Core section 5.3): claims about the user, for whoever shows an access token that names this
//! endpoint in its audience.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, web};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use shared_claims::AccessTokenClaims;
use shared_claims::validator::Validator;

use super::{dpop, form};
use crate::grants::GrantError;
use crate::protocol::bearer::{self, NoBearerToken, SentToken};
use crate::protocol::{ErrorCode, OAuthError, Parameters};
use crate::server::AuthServer;
use crate::store::GrantId;
use crate::users::{claims_named, claims_of};

/// Below the issuer.
pub const PATH: &str = "/userinfo";

pub async fn get(request: HttpRequest, server: web::Data<AuthServer>) -> HttpResponse {
    respond(&request, None, &server).await
}

/// Core section 5.3.1: also by POST, with the token in the header or in a form.
pub async fn post(request: HttpRequest, payload: web::Payload, server: web::Data<AuthServer>) -> HttpResponse {
    if request.headers().contains_key("content-type") {
        match form::read(&request, payload).await {
            Ok(form) => respond(&request, Some(&form), &server).await,
            Err(no_form) => {
                let (status, error) = no_form.describe();
                HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST)).json(error)
            }
        }
    } else {
        respond(&request, None, &server).await
    }
}

async fn respond(request: &HttpRequest, form: Option<&Parameters>, server: &AuthServer) -> HttpResponse {
    let headers: Vec<&[u8]> = request.headers().get_all("authorization").map(HeaderValue::as_bytes).collect();
    let sent = match bearer::read(headers, request.query_string(), form) {
        Ok(sent) => sent,
        Err(NoBearerToken::Absent) => return challenge(server, 401, None),
        Err(NoBearerToken::Malformed(error)) => return challenge(server, 400, Some(&error)),
    };
    let response = match claims(request, &sent, server).await {
        Ok(claims) => HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(claims),
        Err(error) => {
            let error = error.public();
            let status = match error.code {
                ErrorCode::InvalidToken | ErrorCode::InvalidDpopProof | ErrorCode::UseDpopNonce => 401,
                ErrorCode::InsufficientScope => 403,
                _ => error.status(),
            };
            challenge(server, status, Some(&error))
        }
    };
    dpop::with_nonce(response, server)
}

async fn claims(
    request: &HttpRequest,
    sent: &SentToken,
    server: &AuthServer,
) -> Result<Map<String, Value>, GrantError> {
    let now = server.now();
    let token = verify(&sent.token, server)?;
    is_in_its_holders_hands(request, sent, &token, server).await?;
    if !token.scope.contains("openid") {
        let description = "userinfo needs the scope openid";
        return Err(OAuthError::new(ErrorCode::InsufficientScope, "openid_missing", description).into());
    }
    let grant_id = token.txn.as_deref().map(GrantId::from).ok_or_else(ended)?;
    let grant = server.store.find_grant(&grant_id).await?.filter(|grant| grant.is_live(now)).ok_or_else(ended)?;
    let user_id = grant.user_id.as_ref().filter(|id| id.as_str() == token.sub).ok_or_else(ended)?;
    let user = server.store.find_user(user_id).await?.filter(|user| !user.blocked).ok_or_else(ended)?;
    if server.registry().client(&token.client_id).is_none() {
        return Err(ended().into());
    }
    server.store.access_token_used(&token.jti, now).await?;

    let mut claims = claims_of(&user, &token.scope);
    claims.extend(claims_named(&user, &grant.userinfo_claims));
    claims.insert("sub".to_owned(), token.sub.into());
    Ok(claims)
}

fn verify(token: &SecretString, server: &AuthServer) -> Result<AccessTokenClaims, OAuthError> {
    let validator = Validator::new(server.issuer.as_str(), &server.userinfo_audience()).map_err(|error| {
        log::error!("userinfo cannot tell its tokens: {error}");
        OAuthError::server_error()
    })?;
    let token = validator.validate(token.expose_secret(), server.keys().verification(), server.now());
    token.map_err(|error| OAuthError::new(ErrorCode::InvalidToken, "token_invalid", error.to_string()))
}

/// RFC 9449 section 7.1: a bound token comes with a proof of its key, and a token that comes with a proof is bound.
async fn is_in_its_holders_hands(
    request: &HttpRequest,
    sent: &SentToken,
    token: &AccessTokenClaims,
    server: &AuthServer,
) -> Result<(), GrantError> {
    let invalid = |reason, description| OAuthError::new(ErrorCode::InvalidToken, reason, description);
    let bound_to = match (&token.cnf, sent.with_proof) {
        (None, false) => return Ok(()),
        (None, true) => {
            return Err(invalid("token_not_bound", "the token is bound to no key: send it as Bearer").into());
        }
        (Some(_), false) => {
            let description = "the token is bound to a key: send it as DPoP, with a proof";
            return Err(invalid(bearer::TOKEN_BOUND, description).into());
        }
        (Some(bound_to), true) => bound_to,
    };
    let key = dpop::proven_key(request, server, PATH, Some(sent.token.expose_secret())).await?;
    let key = key.ok_or_else(|| {
        OAuthError::new(ErrorCode::InvalidDpopProof, "proof_missing", "send a proof in the header DPoP")
    })?;
    if bound_to.jkt.as_deref() == Some(key.jkt()) {
        Ok(())
    } else {
        Err(invalid("token_bound_to_another_key", "the token is bound to another key").into())
    }
}

fn ended() -> OAuthError {
    OAuthError::new(ErrorCode::InvalidToken, "token_revoked", "what the token came from has ended")
}

fn challenge(server: &AuthServer, status: u16, error: Option<&OAuthError>) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::UNAUTHORIZED);
    let mut response = HttpResponse::build(status);
    response.insert_header((CACHE_CONTROL, "no-store"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.insert_header((RETRY_AFTER, "1"));
    }
    if status.is_client_error() {
        let scope = (status == StatusCode::FORBIDDEN).then_some("openid");
        response.insert_header((WWW_AUTHENTICATE, bearer::challenge(server.issuer.as_str(), error, scope)));
    }
    match error {
        Some(error) => response.json(error),
        None => response.finish(),
    }
}
