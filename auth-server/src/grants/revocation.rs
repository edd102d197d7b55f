//! Revocation (RFC 7009): a client gives back what it holds, and everything that came from it dies with it.
//!
//! An app's token ends the grant: its refresh tokens, and the chain of every API that acted behind it. What an API got by an
//! exchange ends that API's refresh tokens, and not the user's sign-in at the app. A person who signs out ends what was given in
//! that session.

use secrecy::ExposeSecret as _;
use shared_claims::AccessTokenClaims;

use super::{AuthenticatedClient, GrantError};
use crate::audit::Event;
use crate::protocol::{ErrorCode, OAuthError, Parameters};
use crate::server::AuthServer;
use crate::store::{GrantId, RefreshToken, SecretHash, Session};

const ONCE: [&str; 4] = ["token", "token_type_hint", "client_id", "client_secret"];

/// Why a grant ends, where its client says so.
const REVOKED_BY_CLIENT: &str = "revoked_by_client";

/// Why a grant ends with the session that it was given in.
const SIGNED_OUT: &str = "signed_out";

/// A token that is no good any more is revoked already (section 2.2): no error.
pub async fn revoke(
    server: &AuthServer,
    client: &AuthenticatedClient,
    parameters: &Parameters,
) -> Result<(), GrantError> {
    parameters.refuse_repeated(&ONCE)?;
    let token: secrecy::SecretString = parameters.required("token")?.into();
    let token = token.expose_secret();
    if token.contains('.') {
        match server.own_tokens.verify(token, &server.keys(), server.now()) {
            Ok(token) => access_token(server, client, &token).await,
            Err(_) => Ok(()),
        }
    } else {
        match server.store.find_refresh_token(SecretHash::of(token)).await? {
            Some(token) => refresh_token(server, client, &token).await,
            None => Ok(()),
        }
    }
}

async fn access_token(
    server: &AuthServer,
    client: &AuthenticatedClient,
    token: &AccessTokenClaims,
) -> Result<(), GrantError> {
    if token.client_id != client.id.as_str() {
        return Err(of_another_client().into());
    }
    if token.act.is_some() {
        // Its status is the grant's, which is the user's and the app's to end.
        let description = "a token from an exchange ends with the grant behind it: revoke that, or the refresh token";
        return Err(OAuthError::new(ErrorCode::UnsupportedTokenType, "exchanged_access_token", description).into());
    }
    match &token.txn {
        Some(txn) => end_grant(server, &GrantId::from(txn.as_str())).await,
        None => Ok(()),
    }
}

async fn end_grant(server: &AuthServer, grant: &GrantId) -> Result<(), GrantError> {
    server.ledger.revoke(grant, REVOKED_BY_CLIENT).await?;
    Ok(())
}

async fn refresh_token(
    server: &AuthServer,
    client: &AuthenticatedClient,
    token: &RefreshToken,
) -> Result<(), GrantError> {
    if token.client_id != client.id.as_str() {
        return Err(of_another_client().into());
    }
    let now = server.now();
    let grant = server.store.find_grant(&token.grant_id).await?;
    if grant.is_some_and(|grant| grant.client_id == token.client_id) {
        return end_grant(server, &token.grant_id).await;
    }
    server.store.end_refresh_family(&token.grant_id, token.family_id, now).await?;
    server
        .ledger
        .record(&Event::Revoked { grant: token.grant_id.as_str(), why: "refresh_token_revoked_by_client" })
        .await?;
    Ok(())
}

/// Ends a session, and what was given in it: all but what a client may keep while the person is away.
pub async fn sign_out(server: &AuthServer, session: &Session) -> Result<(), GrantError> {
    let now = server.now();
    server.store.delete_session(session.hash).await?;
    let registry = server.registry();
    for grant in server.store.live_grants_of_session(&session.sid, now).await? {
        let ends = registry.client(&grant.client_id).is_none_or(|client| client.revoke_on_sign_out);
        if ends || !grant.scope.contains("offline_access") {
            server.ledger.revoke(&grant.id, SIGNED_OUT).await?;
        }
    }
    let (user, session) = (session.user_id.as_str(), session.sid.as_str());
    Ok(server.ledger.record(&Event::SignedOut { user, session }).await?)
}

/// Section 2.1: refused. Whoever holds a token knows that it is one, so this tells nothing.
fn of_another_client() -> OAuthError {
    OAuthError::invalid_request("token_of_another_client", "the token was not issued to this client")
}
