//! What a token or userinfo may tell about a person: the standard claims of the scopes `profile`, `email`, `address` and
//! `phone` (OpenID Connect Core section 5.4).

use serde_json::{Map, Value};
use shared_claims::Scope;

use crate::store::{Claim, User};

const PROFILE: [&str; 13] = [
    "name",
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
];
const EMAIL: [&str; 2] = ["email", "email_verified"];
const ADDRESS: [&str; 1] = ["address"];
const PHONE: [&str; 2] = ["phone_number", "phone_number_verified"];

const BY_SCOPE: [(&str, &[&str]); 4] =
    [("profile", &PROFILE), ("email", &EMAIL), ("address", &ADDRESS), ("phone", &PHONE)];

/// The scope that a claim belongs to.
#[must_use]
pub fn scope_of_claim(name: &str) -> Option<&'static str> {
    BY_SCOPE.iter().find(|(_, claims)| claims.contains(&name)).map(|(scope, _)| *scope)
}

/// Claims asked for one by one (section 5.5), as far as they are known. That the person agreed is settled before.
#[must_use]
pub fn claims_named(user: &User, names: &[String]) -> Map<String, Value> {
    if names.is_empty() {
        return Map::new();
    }
    let every = BY_SCOPE.iter().filter_map(|(scope, _)| scope.parse().ok()).collect();
    claims_of(user, &every).into_iter().filter(|(name, _)| names.contains(name)).collect()
}

/// The claims that this scope allows and that are known. `sub` is not among them: it is always told.
#[must_use]
pub fn claims_of(user: &User, scope: &Scope) -> Map<String, Value> {
    let allowed: Vec<&str> =
        BY_SCOPE.iter().filter(|(name, _)| scope.contains(name)).flat_map(|(_, claims)| *claims).copied().collect();
    if allowed.is_empty() {
        return Map::new();
    }
    let known = user.profile.claims().filter(|(name, _)| allowed.contains(name));
    let mut claims: Map<String, Value> = known.map(|(name, claim)| (name.to_owned(), told(claim))).collect();
    if scope.contains("profile") {
        claims.entry("preferred_username").or_insert_with(|| user.username.clone().into());
        claims.insert("updated_at".into(), user.updated_at.unix_timestamp().into());
    }
    claims
}

fn told(claim: Claim<'_>) -> Value {
    match claim {
        Claim::Text(text) => text.into(),
        Claim::Flag(flag) => flag.into(),
        Claim::Address(address) => serde_json::json!(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Address, Profile, UserId};
    use time::OffsetDateTime;

    fn alice() -> User {
        User {
            id: UserId::generate(),
            username: "alice".into(),
            password_hash: None,
            blocked: false,
            profile: Profile {
                name: Some("Alice Example".into()),
                email: Some("alice@example.com".into()),
                email_verified: Some(true),
                phone_number: Some("+49 30 1234".into()),
                address: Some(Address { country: Some("DE".into()), ..Address::default() }),
                ..Profile::default()
            },
            permissions: std::collections::BTreeMap::new(),
            created_at: OffsetDateTime::UNIX_EPOCH,
            updated_at: OffsetDateTime::UNIX_EPOCH + time::Duration::hours(1),
        }
    }

    fn names(scope: &str) -> Vec<String> {
        claims_of(&alice(), &scope.parse().unwrap()).keys().cloned().collect()
    }

    #[test]
    fn each_scope_tells_its_own_claims_and_no_others() {
        assert!(names("openid").is_empty());
        assert_eq!(names("openid profile"), ["name", "preferred_username", "updated_at"]);
        assert_eq!(names("email"), ["email", "email_verified"]);
        assert_eq!(names("phone"), ["phone_number"]);
        assert_eq!(names("address"), ["address"]);
    }

    #[test]
    fn every_standard_claim_belongs_to_a_scope_and_is_told_as_it_is_known() {
        let value = |name: &str| match name {
            "address" => serde_json::json!({"locality": "Berlin", "country": "DE"}),
            "email_verified" => true.into(),
            "phone_number_verified" => false.into(),
            name => format!("her {name}").into(),
        };
        let names = BY_SCOPE.iter().flat_map(|(_, claims)| *claims);
        let known: Map<String, Value> = names.map(|name| ((*name).to_owned(), value(name))).collect();
        let user = User { profile: serde_json::from_value(known.clone().into()).unwrap(), ..alice() };
        let mut told = claims_of(&user, &"profile email address phone".parse().unwrap());
        assert_eq!(told.remove("updated_at").unwrap(), 3600);
        assert_eq!(told, known);
        assert_eq!(serde_json::to_value(&user.profile).unwrap(), Value::Object(known));
    }
}
