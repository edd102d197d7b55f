//! A relying party by the crate `openidconnect`.

use anyhow::{Context as _, ensure};
use deputy_interop::{API_A, REDIRECT_URI, WEB_APP, issuer, promise, send, visit};
use openidconnect::core::{CoreClient, CoreProviderMetadata, CoreResponseType, CoreUserInfoClaims};
use openidconnect::{
    AccessTokenHash, AuthenticationFlow, AuthorizationCode, ClientId, ClientSecret, CsrfToken, IssuerUrl, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, RedirectUrl, Scope, TokenResponse as _,
};

fn main() -> anyhow::Result<()> {
    ensure!(promise() == "sign_in", "no such promise");
    let metadata = CoreProviderMetadata::discover(&IssuerUrl::new(issuer()?)?, &send)?;
    let (id, secret) = WEB_APP;
    let client =
        CoreClient::from_provider_metadata(metadata, ClientId::new(id.into()), Some(ClientSecret::new(secret.into())))
            .set_redirect_uri(RedirectUrl::new(REDIRECT_URI.into())?);

    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
    let (link, state, nonce) = client
        .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
        .add_scopes(["profile", "offline_access", "read:reports"].map(|scope| Scope::new(scope.into())))
        .add_extra_param("audience", API_A)
        .set_pkce_challenge(challenge)
        .url();
    let back = visit(&link)?;
    ensure!(back("state")? == *state.secret(), "another state");
    let code = AuthorizationCode::new(back("code")?);
    let tokens = client.exchange_code(code)?.set_pkce_verifier(verifier).request(&send)?;

    // Signature, issuer, audience, expiry and nonce; then that the access token is the one of this sign-in.
    let id_token = tokens.id_token().context("no ID token")?;
    let id_token_verifier = client.id_token_verifier();
    let claims = id_token.claims(&id_token_verifier, &nonce)?;
    let expected = claims.access_token_hash().context("no at_hash")?;
    let (algorithm, key) = (id_token.signing_alg()?, id_token.signing_key(&id_token_verifier)?);
    ensure!(AccessTokenHash::from_token(tokens.access_token(), algorithm, key)? == *expected, "another access token");

    let subject = claims.subject().clone();
    let userinfo = client.user_info(tokens.access_token().clone(), Some(subject.clone()))?;
    let userinfo: CoreUserInfoClaims = userinfo.request(&send)?;
    let name = userinfo.name().and_then(|name| name.get(None)).context("no name")?;
    ensure!(name.as_str() == "Alice Example", "the name is {name:?}");

    let refresh_token = tokens.refresh_token().context("no refresh token")?;
    let renewed = client.exchange_refresh_token(refresh_token)?.request(&send)?;
    let id_token = renewed.id_token().context("no ID token after the refresh")?;
    let renewed_claims = id_token.claims(&id_token_verifier, |_: Option<&Nonce>| Ok(()))?;
    ensure!(*renewed_claims.subject() == subject, "another user after the refresh");
    Ok(())
}
