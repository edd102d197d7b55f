//! How a client says who it is: `none`, `client_secret_basic`, `client_secret_post` (RFC 6749 section 2.3).
//!
//! This reads what was presented; whether it is right is decided against the registry. One request, one method:
//! several at once are refused (section 2.3), and so is anything secret in the query (section 2.3.1).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::authorization_header::AuthorizationHeader;
use super::bearer::quoted;
use super::error::OAuthError;
use super::parameters::{Parameters, decode};

/// What must not travel in a URL: URLs end up in logs, histories and `Referer`.
const NEVER_IN_THE_QUERY: [&str; 11] = [
    "client_secret",
    "client_assertion",
    "code",
    "code_verifier",
    "refresh_token",
    "subject_token",
    "actor_token",
    "assertion",
    "password",
    "access_token",
    "token",
];

/// What a client presents.
#[derive(Clone)]
pub enum ClientCredentials {
    /// A public client names itself (`token_endpoint_auth_method` `none`).
    None {
        client_id: String,
    },
    SecretBasic {
        client_id: String,
        client_secret: SecretString,
    },
    SecretPost {
        client_id: String,
        client_secret: SecretString,
    },
}

impl ClientCredentials {
    /// Reads the credentials of a request with a form body, at the token endpoint and its kin.
    pub fn read<'a>(
        authorization: impl IntoIterator<Item = &'a [u8]>,
        query: &str,
        form: &Parameters,
    ) -> Result<Self, ClientAuthenticationFailure> {
        let without_header = |error| ClientAuthenticationFailure { error, header_used: false };
        refuse_credentials_in_query(query).map_err(without_header)?;
        let header = AuthorizationHeader::read(authorization).map_err(without_header)?;
        let header_used = header.is_some();
        let credentials = match header {
            Some(header) => read_header(header, form),
            None => read_form(form),
        };
        credentials.map_err(|error| ClientAuthenticationFailure { error, header_used })
    }

    #[must_use]
    pub fn client_id(&self) -> &str {
        match self {
            Self::None { client_id } | Self::SecretBasic { client_id, .. } | Self::SecretPost { client_id, .. } => {
                client_id
            }
        }
    }

    /// The secret, if one was presented.
    #[must_use]
    pub fn secret(&self) -> Option<&SecretString> {
        match self {
            Self::None { .. } => None,
            Self::SecretBasic { client_secret, .. } | Self::SecretPost { client_secret, .. } => Some(client_secret),
        }
    }

    /// The method's name in metadata and registrations (OIDC Core section 9).
    #[must_use]
    pub fn method(&self) -> &'static str {
        match self {
            Self::None { .. } => "none",
            Self::SecretBasic { .. } => "client_secret_basic",
            Self::SecretPost { .. } => "client_secret_post",
        }
    }

    /// The refusal of these credentials. Unknown client and wrong secret get the same words, so that nobody can probe
    /// which clients there are.
    #[must_use]
    pub fn refused(&self) -> ClientAuthenticationFailure {
        ClientAuthenticationFailure {
            error: OAuthError::invalid_client(
                "client_authentication_failed",
                "there is no such client, or it does not authenticate like this, or its secret is wrong",
            ),
            header_used: matches!(self, Self::SecretBasic { .. }),
        }
    }
}

/// Names the client, never the secret.
impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(self.method()).field("client_id", &self.client_id()).finish_non_exhaustive()
    }
}

/// Client authentication failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct ClientAuthenticationFailure {
    pub error: OAuthError,
    /// Whether the client used the `Authorization` header.
    pub header_used: bool,
}

impl ClientAuthenticationFailure {
    /// The `WWW-Authenticate` value of a 401, only for clients that used the header (RFC 6749 section 5.2): other
    /// clients' HTTP stacks would swallow the error code.
    #[must_use]
    pub fn challenge(&self, realm: &str) -> Option<String> {
        (self.header_used && self.error.status() == 401)
            .then(|| format!("Basic realm=\"{}\", charset=\"UTF-8\"", quoted(realm)))
    }
}

fn refuse_credentials_in_query(query: &str) -> Result<(), OAuthError> {
    let query = Parameters::parse(query.as_bytes())?;
    match NEVER_IN_THE_QUERY.iter().find(|name| query.contains(name)) {
        None => Ok(()),
        Some(name) => Err(OAuthError::invalid_request(
            "credentials_in_query",
            format!("'{name}' must be sent in the body, never in the query"),
        )),
    }
}

fn read_form(form: &Parameters) -> Result<ClientCredentials, OAuthError> {
    refuse_assertion(form)?;
    let client_secret = form.one("client_secret")?;
    let client_id = form.one("client_id")?.ok_or_else(|| {
        OAuthError::invalid_client("client_authentication_missing", "the request does not say which client it is from")
    })?;
    let client_id = checked_client_id(client_id)?;
    Ok(match client_secret {
        None => ClientCredentials::None { client_id },
        Some(client_secret) => ClientCredentials::SecretPost { client_id, client_secret: client_secret.into() },
    })
}

fn read_header(header: AuthorizationHeader, form: &Parameters) -> Result<ClientCredentials, OAuthError> {
    if !header.has_scheme("Basic") {
        return Err(OAuthError::invalid_client(
            "authorization_scheme_not_supported",
            "clients authenticate here by the scheme Basic or in the body",
        ));
    }
    refuse_assertion(form)?;
    if form.one("client_secret")?.is_some() {
        return Err(OAuthError::invalid_request(
            "several_authentication_methods",
            "the client authenticates in the header and in the body: one of them, please",
        ));
    }
    let (client_id, client_secret) = read_basic(header.credentials).ok_or_else(|| {
        OAuthError::invalid_client(
            "basic_malformed",
            "Basic credentials are base64 of the form-encoded client_id, a colon, and the form-encoded client_secret",
        )
    })?;
    let client_id = checked_client_id(&client_id)?;
    match form.one("client_id")? {
        Some(other) if other != client_id => Err(OAuthError::invalid_request(
            "client_id_conflict",
            "the client_id in the body is not the one in the Authorization header",
        )),
        _ => Ok(ClientCredentials::SecretBasic { client_id, client_secret: client_secret.as_str().into() }),
    }
}

/// RFC 7617 section 2, with both halves form-encoded as RFC 6749 section 2.3.1 demands. Strict: base64 in its one
/// spelling, so that no two headers mean the same.
fn read_basic(credentials: &str) -> Option<(Zeroizing<String>, Zeroizing<String>)> {
    let bytes = Zeroizing::new(STANDARD.decode(credentials).ok()?);
    let colon = bytes.iter().position(|byte| *byte == b':')?;
    Some((decode(&bytes[..colon])?, decode(&bytes[colon + 1..])?))
}

/// RFC 6749 appendix A.1: printable ASCII. Keeps the ledger and the log clean as well.
fn checked_client_id(client_id: &str) -> Result<String, OAuthError> {
    if (1..=256).contains(&client_id.len()) && client_id.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
        Ok(client_id.to_owned())
    } else {
        Err(OAuthError::invalid_client("client_id_malformed", "a client_id has 1 to 256 characters of printable ASCII"))
    }
}

/// RFC 7521 section 4.2. Read past, it would look like a request by `none`.
fn refuse_assertion(form: &Parameters) -> Result<(), OAuthError> {
    if form.contains("client_assertion") || form.contains("client_assertion_type") {
        return Err(OAuthError::invalid_client(
            "client_assertion_not_supported",
            "client authentication by assertion is not supported",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
