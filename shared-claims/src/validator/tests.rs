//! Every token here is really signed by the issuer's own key, unless the case says otherwise.

use std::time::Duration;

use jsonwebtoken::Algorithm;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::minting::{ALGORITHMS, API, ISSUER, NOW, Signer, claims, encode};

fn check(signer: &Signer, token: &str) -> Result<AccessTokenClaims, InvalidToken> {
    Validator::new(ISSUER, API).unwrap().validate(token, &signer.key_set(), NOW)
}

/// Judges a good token after `change` to its claims.
fn with_claims(change: impl Fn(&mut Value)) -> Result<AccessTokenClaims, InvalidToken> {
    let signer = Signer::new(Algorithm::EdDSA);
    let mut claims = claims(NOW);
    change(&mut claims);
    check(&signer, &signer.sign(&claims))
}

/// Judges a good token after `change` to its header.
fn with_header(change: impl Fn(&mut Value)) -> Result<AccessTokenClaims, InvalidToken> {
    let signer = Signer::new(Algorithm::EdDSA);
    let mut header = signer.header();
    change(&mut header);
    check(&signer, &signer.sign_raw(&header.to_string(), &claims(NOW).to_string()))
}

fn seconds(from_now: i64) -> i64 {
    NOW.unix_timestamp() + from_now
}

#[test]
fn a_good_token_passes_with_every_algorithm() {
    for algorithm in ALGORITHMS {
        let signer = Signer::new(algorithm);
        let claims = check(&signer, &signer.sign(&claims(NOW)));
        assert_eq!(claims.map(|claims| claims.sub).as_deref(), Ok("usr_alice"), "{algorithm:?}");
    }
}

#[test]
fn a_changed_token_is_refused_with_every_algorithm() {
    for algorithm in ALGORITHMS {
        let signer = Signer::new(algorithm);
        let token = signer.sign(&claims(NOW));
        let mut parts: Vec<&str> = token.split('.').collect();
        let payload = encode(claims(NOW).to_string().replace("usr_alice", "usr_mallory"));
        parts[1] = &payload;
        assert_eq!(check(&signer, &parts.join(".")), Err(InvalidToken::BadSignature), "{algorithm:?}");
    }
}

#[rstest]
#[case::iss("iss")]
#[case::sub("sub")]
#[case::aud("aud")]
#[case::exp("exp")]
#[case::iat("iat")]
#[case::jti("jti")]
#[case::client_id("client_id")]
fn a_required_claim_is_there_and_says_something(#[case] claim: &str) {
    let without = with_claims(|claims| drop(claims.as_object_mut().unwrap().remove(claim)));
    assert_eq!(without, Err(InvalidToken::Claims));
    assert_eq!(with_claims(|claims| claims[claim] = Value::Null), Err(InvalidToken::Claims));
    let expected = if claim == "iss" { InvalidToken::WrongIssuer } else { InvalidToken::Claims };
    assert_eq!(with_claims(|claims| claims[claim] = json!("")), Err(expected));
}

#[rstest]
#[case::issuer_list("iss", json!(["https://evil.example", ISSUER]), InvalidToken::Claims)]
#[case::issuer_with_slash("iss", json!(format!("{ISSUER}/")), InvalidToken::WrongIssuer)]
#[case::issuer_in_capitals("iss", json!("https://ISSUER.example"), InvalidToken::WrongIssuer)]
#[case::another_audience("aud", json!("https://api-a.example"), InvalidToken::WrongAudience)]
#[case::part_of_the_audience("aud", json!("https://api-b.example/x"), InvalidToken::WrongAudience)]
#[case::audience_with_a_number("aud", json!([API, 7]), InvalidToken::Claims)]
#[case::audience_as_object("aud", json!({ "0": API }), InvalidToken::Claims)]
#[case::expired_45_s_ago("exp", json!(seconds(-45)), InvalidToken::Expired)]
#[case::expired_by_the_leeway("exp", json!(seconds(-5)), InvalidToken::Expired)]
#[case::expiry_negative("exp", json!(-1), InvalidToken::Expired)]
#[case::expiry_as_text("exp", json!("4102444800"), InvalidToken::Claims)]
#[case::expiry_as_float("exp", json!(4_102_444_800.5), InvalidToken::Claims)]
#[case::expiry_beyond_all_dates("exp", json!(1e99), InvalidToken::Claims)]
#[case::expiry_as_largest_integer("exp", json!(i64::MAX), InvalidToken::Claims)]
#[case::not_before_tomorrow("nbf", json!(seconds(86_400)), InvalidToken::NotYetValid)]
#[case::issued_in_years("iat", json!(seconds(100_000_000)), InvalidToken::IssuedInFuture)]
#[case::issued_just_beyond_the_leeway("iat", json!(seconds(6)), InvalidToken::IssuedInFuture)]
#[case::scope_list("scope", json!(["read:receipts"]), InvalidToken::Claims)]
#[case::scope_syntax("scope", json!("read:receipts  x"), InvalidToken::Claims)]
#[case::actor_list("act", json!(["api-a"]), InvalidToken::Claims)]
#[case::actor_text("act", json!("api-a"), InvalidToken::Claims)]
#[case::actor_without_a_name("act", json!({ "client_id": "api-a" }), InvalidToken::Claims)]
#[case::actor_with_an_empty_name("act", json!({ "sub": "" }), InvalidToken::Claims)]
#[case::empty_name_deeper("act", json!({ "sub": "a", "act": { "sub": "" } }), InvalidToken::Claims)]
#[case::bound_twice("cnf", json!({ "jkt": "a", "x5t#S256": "b" }), InvalidToken::Claims)]
#[case::bound_to_something_unknown("cnf", json!({ "kid": "a" }), InvalidToken::Claims)]
#[case::bound_to_nothing("cnf", json!({ "jkt": "" }), InvalidToken::Claims)]
fn a_claim_that_says_the_wrong_thing_is_refused(
    #[case] claim: &str,
    #[case] value: Value,
    #[case] expected: InvalidToken,
) {
    assert_eq!(with_claims(|claims| claims[claim] = value.clone()), Err(expected));
}

#[rstest]
#[case::audience_list("aud", json!(["https://issuer.example/userinfo", API]))]
#[case::expired_within_the_leeway("exp", json!(seconds(-4)))]
#[case::good_until_the_end_of_all_dates("exp", json!(253_402_300_799_i64))]
#[case::issued_within_the_leeway("iat", json!(seconds(5)))]
#[case::not_before_now("nbf", json!(seconds(0)))]
#[case::unknown_claim("role", json!({ "name": "x" }))]
#[case::bound_to_one_key("cnf", json!({ "jkt": "a" }))]
fn a_claim_at_the_edge_passes(#[case] claim: &str, #[case] value: Value) {
    assert_eq!(with_claims(|claims| claims[claim] = value.clone()).map(drop), Ok(()));
}

fn chain(length: usize) -> Value {
    (1..length).fold(json!({ "sub": "first" }), |inner, _| json!({ "sub": "later", "act": inner }))
}

#[rstest]
#[case::ten(10, Ok(()))]
#[case::eleven(11, Err(InvalidToken::TooManyActors))]
#[case::as_deep_as_the_parser_goes(126, Err(InvalidToken::Claims))]
#[case::deeper(150, Err(InvalidToken::Claims))]
fn a_chain_of_actors_has_an_end(#[case] length: usize, #[case] expected: Result<(), InvalidToken>) {
    assert_eq!(with_claims(|claims| claims["act"] = chain(length)).map(drop), expected);
}

#[rstest]
#[case::client(r#""client_id":"evil","iss":"#)]
#[case::audience(r#""aud":"https://api-b.example","iss":"#)]
#[case::actor(r#""act":{"sub":"evil"},"iss":"#)]
#[case::scope(r#""scope":"all","iss":"#)]
#[case::unknown(r#""x":1,"x":2,"iss":"#)]
#[case::in_disguise(r#""\u0073ub":"usr_mallory","iss":"#)]
fn a_claim_that_comes_twice_is_refused(#[case] twice: &str) {
    let signer = Signer::new(Algorithm::ES256);
    let payload = claims(NOW).to_string().replacen(r#""iss":"#, twice, 1);
    assert_eq!(check(&signer, &signer.sign_raw(&signer.header().to_string(), &payload)), Err(InvalidToken::Claims));
}

#[rstest]
#[case::unknown_critical("crit", json!(["unknown"]), InvalidToken::UnsupportedHeader)]
#[case::empty_critical("crit", json!([]), InvalidToken::UnsupportedHeader)]
#[case::null_critical("crit", Value::Null, InvalidToken::Malformed)]
#[case::unencoded_payload("b64", json!(false), InvalidToken::UnsupportedHeader)]
#[case::encoded_payload("b64", json!(true), InvalidToken::UnsupportedHeader)]
#[case::compressed("zip", json!("DEF"), InvalidToken::UnsupportedHeader)]
#[case::own_key("jwk", json!({ "kty": "OKP" }), InvalidToken::UnsupportedHeader)]
#[case::own_key_address("jku", json!("https://evil.example"), InvalidToken::UnsupportedHeader)]
#[case::own_certificate_address("x5u", json!("https://evil.example"), InvalidToken::UnsupportedHeader)]
#[case::own_certificate("x5c", json!(["MII"]), InvalidToken::UnsupportedHeader)]
#[case::plain_jwt("typ", json!("JWT"), InvalidToken::WrongType)]
#[case::logout_token("typ", json!("logout+jwt"), InvalidToken::WrongType)]
#[case::proof("typ", json!("dpop+jwt"), InvalidToken::WrongType)]
#[case::type_list("typ", json!(["at+jwt"]), InvalidToken::Malformed)]
#[case::unknown_key("kid", json!("another"), InvalidToken::UnknownKey)]
#[case::empty_key_id("kid", json!(""), InvalidToken::UnknownKey)]
#[case::long_key_id("kid", json!("k".repeat(129)), InvalidToken::TooLong)]
#[case::none("alg", json!("none"), InvalidToken::WrongAlgorithm)]
#[case::none_in_disguise("alg", json!("nOnE"), InvalidToken::WrongAlgorithm)]
#[case::symmetric("alg", json!("HS256"), InvalidToken::WrongAlgorithm)]
#[case::another("alg", json!("ES256"), InvalidToken::WrongAlgorithm)]
#[case::number("alg", json!(7), InvalidToken::Malformed)]
fn a_header_that_asks_for_trouble_is_refused(
    #[case] member: &str,
    #[case] value: Value,
    #[case] expected: InvalidToken,
) {
    assert_eq!(with_header(|header| header[member] = value.clone()), Err(expected));
}

#[rstest]
#[case::type_missing("typ", InvalidToken::WrongType)]
#[case::key_id_missing("kid", InvalidToken::UnknownKey)]
#[case::algorithm_missing("alg", InvalidToken::Malformed)]
fn a_header_says_what_it_must(#[case] member: &str, #[case] expected: InvalidToken) {
    assert_eq!(with_header(|header| drop(header.as_object_mut().unwrap().remove(member))), Err(expected));
}

#[rstest]
#[case("AT+JWT")]
#[case("application/at+jwt")]
#[case("Application/At+Jwt")]
fn the_type_counts_in_any_case_and_with_its_prefix(#[case] typ: &str) {
    assert_eq!(with_header(|header| header["typ"] = json!(typ)).map(drop), Ok(()));
}

#[test]
fn a_header_member_that_comes_twice_is_refused() {
    let signer = Signer::new(Algorithm::EdDSA);
    for twice in [r#"{"alg":"none","#, r#"{"x":1,"x":1,"#, r#"{"ki\u0064":"other","#] {
        let header = signer.header().to_string().replacen('{', twice, 1);
        assert_eq!(check(&signer, &signer.sign_raw(&header, &claims(NOW).to_string())), Err(InvalidToken::Malformed));
    }
}

#[test]
fn a_token_without_a_signature_is_refused() {
    for algorithm in ALGORITHMS {
        let signer = Signer::new(algorithm);
        let token = signer.sign(&claims(NOW));
        let (message, signature) = token.rsplit_once('.').unwrap();
        let zeros = encode(vec![0; signature.len() / 4 * 3]);
        for forged in [String::new(), zeros, "AA".to_owned(), signature[..40].to_owned()] {
            assert!(check(&signer, &format!("{message}.{forged}")).is_err(), "{algorithm:?} {forged}");
        }
    }
}

#[test]
fn a_token_signed_with_the_public_key_as_a_secret_is_refused() {
    let signer = Signer::new(Algorithm::RS256);
    let jwk = signer.jwk();
    for secret in [jwk.to_string(), jwk["n"].as_str().unwrap().to_owned()] {
        let header = json!({ "typ": "at+jwt", "alg": "HS256", "kid": signer.kid }).to_string();
        let message = format!("{}.{}", encode(header), encode(claims(NOW).to_string()));
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
        let signature = encode(aws_lc_rs::hmac::sign(&key, message.as_bytes()));
        assert_eq!(check(&signer, &format!("{message}.{signature}")), Err(InvalidToken::WrongAlgorithm));
    }
}

#[test]
fn a_key_of_another_issuer_proves_nothing_even_under_the_same_name() {
    let (ours, theirs) = (Signer::new(Algorithm::ES256), Signer::new(Algorithm::ES256));
    assert_eq!(check(&ours, &theirs.sign(&claims(NOW))), Err(InvalidToken::BadSignature));
}

#[test]
fn one_key_verifies_one_algorithm_although_it_could_do_two() {
    let (rs, ps) = (Signer::new(Algorithm::RS256), Signer::new(Algorithm::PS256));
    let token = ps.named(&rs.kid).sign(&claims(NOW));
    assert_eq!(check(&rs, &token), Err(InvalidToken::WrongAlgorithm));
}

#[test]
fn only_the_one_compact_spelling_of_a_token_passes() {
    let signer = Signer::new(Algorithm::EdDSA);
    let token = signer.sign(&claims(NOW));
    let parts: Vec<&str> = token.split('.').collect();
    let json = json!({ "protected": parts[0], "payload": parts[1], "signature": parts[2] });
    let flattened = json.to_string();
    let general = json!({ "payload": parts[1], "signatures": [json] }).to_string();
    // 64 bytes leave four bits unused in the last character: another one of the same four decodes to the same bytes
    // for a lenient reader.
    let last = token.chars().last().unwrap();
    let respelled = format!("{}{}", &token[..token.len() - 1], if last == 'A' { 'B' } else { 'z' });
    let spellings = [
        String::new(),
        ".".repeat(8000),
        format!("{token}="),
        format!("{token}\n"),
        format!(" {token}"),
        format!("{token}.AA"),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
        respelled,
        flattened,
        general,
    ];
    for spelling in spellings {
        assert!(check(&signer, &spelling).is_err(), "{spelling:?}");
    }
}

#[test]
fn a_token_is_not_looked_at_beyond_eight_kib() {
    assert_eq!(with_claims(|claims| claims["x"] = json!("x".repeat(6200))), Err(InvalidToken::TooLong));
    assert_eq!(with_claims(|claims| claims["x"] = json!("x".repeat(4000))).map(drop), Ok(()));
}

#[test]
fn an_expired_token_and_a_forged_one_are_told_apart() {
    let signer = Signer::new(Algorithm::ES256);
    let mut old = claims(NOW);
    old["exp"] = json!(seconds(-600));
    let token = signer.sign(&old);
    assert_eq!(check(&signer, &token), Err(InvalidToken::Expired));
    assert_eq!(check(&Signer::new(Algorithm::ES256), &token), Err(InvalidToken::BadSignature));
}

#[test]
fn the_leeway_is_bounded_and_zero_means_none() {
    let signer = Signer::new(Algorithm::EdDSA);
    let verdict = |leeway, exp| {
        let mut claims = claims(NOW);
        claims["exp"] = json!(seconds(exp));
        let verifier = AccessTokenVerifier::new(ISSUER).unwrap().with_leeway(Duration::from_secs(leeway));
        verifier.verify(&signer.sign(&claims), &signer.key_set(), NOW).map(drop)
    };
    assert_eq!(verdict(3600, -9), Ok(()));
    assert_eq!(verdict(3600, -10), Err(InvalidToken::Expired));
    assert_eq!(verdict(0, 1), Ok(()));
    assert_eq!(verdict(0, 0), Err(InvalidToken::Expired));
}

#[test]
fn an_empty_expectation_fails_at_once_however_the_checker_is_made() {
    assert!(AccessTokenVerifier::new("").is_err());
    assert!(Validator::new("", API).is_err());
    assert!(Validator::new(ISSUER, "").is_err());
}
