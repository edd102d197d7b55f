//! A client by the crate `oauth2`, which knows no `OpenID` Connect.

use anyhow::{Context as _, bail, ensure};
use deputy_interop::{API_A, MACHINE, REDIRECT_URI, WEB_APP, issuer, promise, send, visit};
use oauth2::basic::{BasicClient, BasicErrorResponseType, BasicTokenType};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    PkceCodeChallenge, RedirectUrl, RequestTokenError, Scope, TokenResponse as _, TokenUrl,
};

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

fn client((id, secret): (&str, &str)) -> anyhow::Result<Client> {
    let issuer = issuer()?;
    Ok(BasicClient::new(ClientId::new(id.into()))
        .set_client_secret(ClientSecret::new(secret.into()))
        .set_auth_uri(AuthUrl::new(format!("{issuer}authorize"))?)
        .set_token_uri(TokenUrl::new(format!("{issuer}oauth/token"))?)
        .set_redirect_uri(RedirectUrl::new(REDIRECT_URI.into())?))
}

fn main() -> anyhow::Result<()> {
    match promise().as_str() {
        "code_flow" => code_flow(),
        "machine" => machine(),
        "refusal" => refusal(),
        other => bail!("no promise {other}"),
    }
}

fn code_flow() -> anyhow::Result<()> {
    let client = client(WEB_APP)?;
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (link, state) = client
        .authorize_url(CsrfToken::new_random)
        .add_scopes(["offline_access", "read:reports"].map(|scope| Scope::new(scope.into())))
        .add_extra_param("audience", API_A)
        .set_pkce_challenge(challenge)
        .url();
    let back = visit(&link)?;
    ensure!(back("state")? == *state.secret(), "another state");
    let code = AuthorizationCode::new(back("code")?);
    let tokens = client.exchange_code(code).set_pkce_verifier(verifier).request(&send)?;
    ensure!(*tokens.token_type() == BasicTokenType::Bearer, "{:?}", tokens.token_type());
    ensure!(tokens.expires_in().is_some(), "no expires_in");
    let refresh_token = tokens.refresh_token().context("no refresh token")?;
    let renewed = client.exchange_refresh_token(refresh_token).request(&send)?;
    ensure!(renewed.scopes() == tokens.scopes(), "{:?} after {:?}", renewed.scopes(), tokens.scopes());
    Ok(())
}

fn machine() -> anyhow::Result<()> {
    for authentication in [AuthType::BasicAuth, AuthType::RequestBody] {
        let client = client(MACHINE)?.set_auth_type(authentication);
        let request = client.exchange_client_credentials().add_extra_param("audience", API_A);
        let tokens = request.add_scope(Scope::new("read:reports".into())).request(&send)?;
        ensure!(tokens.scopes() == Some(&vec![Scope::new("read:reports".into())]), "{:?}", tokens.scopes());
    }
    Ok(())
}

fn refusal() -> anyhow::Result<()> {
    let client = client(("demo-machine", "a-secret-that-is-long-enough-and-wrong-00000"))?;
    match client.exchange_client_credentials().request(&send) {
        Err(RequestTokenError::ServerResponse(refused)) => {
            ensure!(*refused.error() == BasicErrorResponseType::InvalidClient, "{refused}");
            ensure!(refused.error_description().is_some(), "{refused}");
            Ok(())
        }
        other => bail!("{other:?}"),
    }
}
