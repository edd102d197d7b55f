//! The vocabulary of OAuth 2.0 and OIDC: what requests say, what answers say, and which of it is well formed.
//!
//! Pure: bytes and arguments in, typed values or an [`OAuthError`] out. No HTTP framework, no database, no clock, no
//! randomness. Whether a client or a scope *exists* is not known here; whether it is *named rightly* is.

pub mod authorization_header;
pub mod authorization_request;
pub mod authorization_response;
pub mod bearer;
pub mod claims_parameter;
pub mod client_authentication;
pub mod dialect;
pub mod error;
pub mod grant_type;
pub mod jwt_bearer;
pub mod parameters;
pub mod pkce;
pub mod prompt;
pub mod redirect_uri;
pub mod response_mode;
pub mod sign_in_challenge;
pub mod spelling;
pub mod target;
pub mod token_exchange;
pub mod token_type;

pub use authorization_request::{Addressee, AuthorizationRequest};
pub use authorization_response::{AuthorizationResponse, ReplyTo};
pub use claims_parameter::{ClaimRequest, RequestedClaims};
pub use client_authentication::{ClientAuthenticationFailure, ClientCredentials};
pub use dialect::Dialect;
pub use error::{ErrorCode, OAuthError};
pub use grant_type::GrantType;
pub use parameters::Parameters;
pub use pkce::{CodeChallenge, CodeVerifier};
pub use prompt::Prompt;
pub use redirect_uri::{InvalidRedirectUri, RedirectUri, RegisteredRedirectUri};
pub use response_mode::ResponseMode;
pub use sign_in_challenge::SignInChallenge;
pub use spelling::Spelling;
pub use target::Target;
pub use token_exchange::ExchangeRequest;
pub use token_type::TokenType;
