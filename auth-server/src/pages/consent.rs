//! The consent page: which app wants to do what, in words (OIDC Core section 3.1.2.4).

use askama::Template;

use shared_claims::{Scope, ScopeToken};

use super::Site;
use crate::registry::{Api, Registry};
use crate::store::PairingConsent;

#[derive(Template)]
#[template(path = "consent.html")]
pub struct ConsentPage<'a> {
    pub site: &'a Site,
    /// Hidden fields.
    pub csrf: &'a str,
    pub request: &'a str,
    pub client_name: &'a str,
    /// Who is signed in.
    pub username: &'a str,
    /// Where the answer goes: origin or scheme of the redirect URI, so that an app cannot pass for another by its name.
    pub return_to: &'a str,
    pub groups: Vec<ConsentGroup<'a>>,
}

/// What is asked for at one API, or about the person where no API is named.
pub struct ConsentGroup<'a> {
    pub api: Option<&'a str>,
    /// The API that acts on the person's behalf there, where it is not the app itself.
    pub through: Option<&'a str>,
    pub scopes: Vec<ScopeLine<'a>>,
}

impl<'a> ConsentGroup<'a> {
    /// What the app itself may do at an API.
    #[must_use]
    pub fn at(api: &'a Api, scope: &Scope) -> Self {
        let scopes = scope.iter().filter_map(|name| ScopeLine::of(api, name)).collect();
        Self { api: Some(&api.name), through: None, scopes }
    }

    /// What one API may do at another on the person's behalf. None: one of them is not registered any more.
    #[must_use]
    pub fn behind(pairing: &PairingConsent, registry: &'a Registry) -> Option<Self> {
        let through = registry.api(&pairing.source)?;
        let target = registry.api(&pairing.target)?;
        Some(Self { through: Some(&through.name), ..Self::at(target, &pairing.scope) })
    }
}

/// One scope.
pub struct ScopeLine<'a> {
    pub name: &'a str,
    /// What it means, in words; without one the name has to do.
    pub description: Option<&'a str>,
}

impl<'a> ScopeLine<'a> {
    /// A scope of an API, in the API's words.
    fn of(api: &'a Api, name: &ScopeToken) -> Option<Self> {
        let (name, description) = api.scopes.get_key_value(name)?;
        Some(Self { name: name.as_str(), description: Some(description.as_str()).filter(|words| !words.is_empty()) })
    }

    /// A scope that OIDC defines, in our words.
    #[must_use]
    pub fn standard(name: &'a str) -> Option<Self> {
        let description = match name {
            "openid" => "Recognise you by an id when you come back",
            "profile" => "See your profile, such as your name and picture",
            "email" => "See your e-mail address",
            "address" => "See your postal address",
            "phone" => "See your phone number",
            "offline_access" => "Keep this access while you are away, until you or the app end it",
            _ => return None,
        };
        Some(Self { name, description: Some(description) })
    }
}
