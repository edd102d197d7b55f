//! What holds for any input, tried with made-up ones: a verdict, never a panic, and never the wrong one.

use std::sync::LazyLock;

use jsonwebtoken::Algorithm;
use proptest::prelude::*;

use super::*;
use crate::minting::{API, ISSUER, NOW, Signer, claims};

static SIGNER: LazyLock<Signer> = LazyLock::new(|| Signer::new(Algorithm::EdDSA));

fn check(token: &str) -> Result<AccessTokenClaims, InvalidToken> {
    Validator::new(ISSUER, API).unwrap().validate(token, &SIGNER.key_set(), NOW)
}

proptest! {
    #[test]
    fn any_text_gets_a_verdict(text in "\\PC{0,300}", dots in "[a-zA-Z0-9_=.-]{0,300}") {
        prop_assert!(check(&text).is_err());
        prop_assert!(check(&dots).is_err());
    }

    #[test]
    fn any_header_and_payload_get_a_verdict(header in json_text(), payload in json_text()) {
        prop_assert!(check(&SIGNER.sign_raw(&header, &claims(NOW).to_string())).is_err());
        prop_assert!(check(&SIGNER.sign_raw(&SIGNER.header().to_string(), &payload)).is_err());
    }

    #[test]
    fn a_token_with_one_character_changed_is_another_token(position in any::<prop::sample::Index>(), new in "[A-Za-z0-9_.=-]") {
        let token = SIGNER.sign(&claims(NOW));
        let position = position.index(token.len());
        let changed = format!("{}{new}{}", &token[..position], &token[position + 1..]);
        prop_assert_eq!(check(&changed).is_ok(), changed == token);
    }
}

/// Texts that look like the JSON of a token, and most often are not.
fn json_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just(":".to_owned()),
        Just(",".to_owned()),
        Just("null".to_owned()),
        Just("1e999".to_owned()),
        Just(r#""alg""#.to_owned()),
        Just(r#""act""#.to_owned()),
        Just(r#""\ud800""#.to_owned()),
        "\"[a-z]{0,5}\"",
        "-?[0-9]{1,20}",
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}
