//! The `claims` parameter: which claims the app wants, and where (OIDC Core section 5.5).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::OAuthError;

/// What is asked of one claim (OIDC Core section 5.5.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimRequest {
    pub essential: bool,
    /// The only values that would do, from `value` or `values`; empty: any.
    pub values: Vec<Value>,
}

/// The claims asked for, by the place where they should come. Asking gives no right: scopes and consent decide.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestedClaims {
    pub userinfo: BTreeMap<String, ClaimRequest>,
    pub id_token: BTreeMap<String, ClaimRequest>,
}

impl RequestedClaims {
    /// Reads the JSON. Members that are not understood are ignored, as section 5.5 demands.
    pub fn parse(text: &str) -> Result<Self, OAuthError> {
        let claims: Map<String, Value> = serde_json::from_str(text).map_err(|_| malformed())?;
        Ok(Self { userinfo: read_place(&claims, "userinfo")?, id_token: read_place(&claims, "id_token")? })
    }

    /// The only `sub` that would do, where the app names one: anybody else must not get an answer (section 5.5.1).
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        let request = self.id_token.get("sub").or_else(|| self.userinfo.get("sub"))?;
        request.values.first()?.as_str()
    }
}

fn read_place(claims: &Map<String, Value>, place: &str) -> Result<BTreeMap<String, ClaimRequest>, OAuthError> {
    match claims.get(place) {
        None | Some(Value::Null) => Ok(BTreeMap::new()),
        Some(Value::Object(wanted)) => {
            wanted.iter().map(|(name, request)| Ok((name.clone(), read_request(request)?))).collect()
        }
        Some(_) => Err(malformed()),
    }
}

fn read_request(request: &Value) -> Result<ClaimRequest, OAuthError> {
    match request {
        Value::Null => Ok(ClaimRequest::default()),
        Value::Object(members) => {
            let essential = match members.get("essential") {
                None => false,
                Some(essential) => essential.as_bool().ok_or_else(malformed)?,
            };
            let values = match (members.get("value"), members.get("values")) {
                (Some(value), None) => vec![value.clone()],
                (None, Some(Value::Array(values))) => values.clone(),
                (None, None) => Vec::new(),
                _ => return Err(malformed()),
            };
            Ok(ClaimRequest { essential, values })
        }
        _ => Err(malformed()),
    }
}

fn malformed() -> OAuthError {
    OAuthError::invalid_request(
        "claims_malformed",
        "the parameter 'claims' is not a JSON object as OpenID Connect Core section 5.5 describes it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn the_example_of_the_specification_is_understood() {
        let claims = RequestedClaims::parse(
            r#"{"userinfo": {"given_name": {"essential": true}, "nickname": null,
                "http://example.info/claims/groups": null},
                "id_token": {"auth_time": {"essential": true}, "acr": {"values": ["urn:mace:incommon:iap:silver"]}}}"#,
        )
        .unwrap();
        assert!(claims.userinfo["given_name"].essential);
        assert_eq!(claims.userinfo["nickname"], ClaimRequest::default());
        assert_eq!(claims.id_token["acr"].values, [json!("urn:mace:incommon:iap:silver")]);
    }

    #[test]
    fn a_named_subject_is_found() {
        let claims = RequestedClaims::parse(r#"{"id_token": {"sub": {"value": "usr_1"}}}"#).unwrap();
        assert_eq!(claims.subject(), Some("usr_1"));
        assert_eq!(RequestedClaims::default().subject(), None);
    }

    #[test]
    fn members_not_understood_are_ignored() {
        assert_eq!(RequestedClaims::parse(r#"{"elsewhere": 7}"#), Ok(RequestedClaims::default()));
        assert!(RequestedClaims::parse(r#"{"userinfo": {"name": {"purpose": "to greet you"}}}"#).is_ok());
    }

    #[test]
    fn anything_but_the_described_shape_is_refused() {
        for text in [
            "",
            "null",
            "[]",
            "name",
            r#"{"userinfo": ["name"]}"#,
            r#"{"userinfo": {"name": true}}"#,
            r#"{"userinfo": {"name": {"essential": "yes"}}}"#,
            r#"{"id_token": {"acr": {"values": "1"}}}"#,
            r#"{"id_token": {"acr": {"value": "1", "values": ["1"]}}}"#,
            r#"{"userinfo": {}} {}"#,
            &"[".repeat(10_000),
        ] {
            assert_eq!(RequestedClaims::parse(text).unwrap_err().reason, "claims_malformed", "{text:.80}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[\\[\\]{}\",:a-z0-9 ]{0,64}") {
            let _ = RequestedClaims::parse(&text);
        }
    }
}
