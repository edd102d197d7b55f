//! A proof counts for one request, of one method, at one address, with one token, at one time, and for nothing else.

use rstest::rstest;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;
use url::Url;

use super::*;
use crate::minting::{Signer, encode};

const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);
const ADDRESS: &str = "https://issuer.example/oauth/token";

fn address() -> Url {
    ADDRESS.parse().unwrap()
}

fn check(text: &str, access_token: Option<&str>) -> Result<Proof, InvalidProof> {
    Proof::check(text, &Demand { method: "POST", addresses: &[address()], access_token, now: NOW })
}

fn claims() -> Value {
    json!({ "jti": "proof-1", "htm": "POST", "htu": ADDRESS, "iat": NOW.unix_timestamp() })
}

fn key() -> ProofKey {
    ProofKey::generate().unwrap()
}

#[test]
fn a_proof_of_ours_passes_and_tells_whose_key_it_is() {
    let (key, url) = (key(), address());
    let request = |nonce| ProofRequest { method: "POST", url: &url, access_token: Some("token"), nonce, now: NOW };
    let text = key.proof(&request(Some("nonce-1"))).unwrap();
    let proof = check(&text, Some("token")).unwrap();
    assert_eq!((proof.jkt.as_str(), proof.nonce.as_deref()), (key.jkt(), Some("nonce-1")));
    assert!(is_thumbprint(&proof.jkt), "{}", proof.jkt);
    assert_ne!(proof.jti, check(&key.proof(&request(None)).unwrap(), Some("token")).unwrap().jti);
}

/// The key and its thumbprint of RFC 9449 section 6.1, in the proof of its section 4.1.
#[test]
fn the_example_of_the_rfc_has_the_thumbprint_of_the_rfc() {
    const EXAMPLE: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNo\
        UklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNy\
        diI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29t\
        L3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37\
        xRZT3Lg";
    let url: Url = "https://server.example.com/token".parse().unwrap();
    let now = OffsetDateTime::from_unix_timestamp(1_562_262_616).unwrap();
    let proof = Proof::check(EXAMPLE, &Demand { method: "POST", addresses: &[url], access_token: None, now }).unwrap();
    assert_eq!(proof.jkt, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    assert_eq!(proof.jti, "-BwC3ESc6acc2lTc");
}

#[rstest]
#[case::no_jti("jti", Value::Null, InvalidProof::Malformed)]
#[case::empty_jti("jti", json!(""), InvalidProof::Claims)]
#[case::numeric_jti("jti", json!(7), InvalidProof::Claims)]
#[case::long_jti("jti", json!("j".repeat(257)), InvalidProof::Claims)]
#[case::long_nonce("nonce", json!("n".repeat(257)), InvalidProof::Claims)]
#[case::other_method("htm", json!("GET"), InvalidProof::OtherMethod)]
#[case::method_in_lower_case("htm", json!("post"), InvalidProof::OtherMethod)]
#[case::address_as_list("htu", json!([ADDRESS]), InvalidProof::Claims)]
#[case::other_path("htu", json!("https://issuer.example/oauth/revoke"), InvalidProof::OtherAddress)]
#[case::other_host("htu", json!("https://evil.example/oauth/token"), InvalidProof::OtherAddress)]
#[case::other_scheme("htu", json!("http://issuer.example/oauth/token"), InvalidProof::OtherAddress)]
#[case::other_port("htu", json!("https://issuer.example:8443/oauth/token"), InvalidProof::OtherAddress)]
#[case::with_a_user("htu", json!("https://a@issuer.example/oauth/token"), InvalidProof::OtherAddress)]
#[case::path_alone("htu", json!("/oauth/token"), InvalidProof::OtherAddress)]
#[case::time_as_text("iat", json!("now"), InvalidProof::Claims)]
#[case::too_old("iat", json!(NOW.unix_timestamp() - 61), InvalidProof::TooOld)]
#[case::from_the_future("iat", json!(NOW.unix_timestamp() + 6), InvalidProof::FromTheFuture)]
#[case::the_end_of_time("iat", json!(i64::MAX), InvalidProof::Claims)]
fn a_proof_about_something_else_is_refused(#[case] claim: &str, #[case] value: Value, #[case] expected: InvalidProof) {
    let mut claims = claims();
    claims[claim] = value;
    assert_eq!(check(&key().sign_claims(&claims), None), Err(expected));
}

#[rstest]
#[case("jti")]
#[case("htm")]
#[case("htu")]
#[case("iat")]
fn a_proof_that_lacks_a_claim_is_refused(#[case] claim: &str) {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(claim);
    assert_eq!(check(&key().sign_claims(&claims), None), Err(InvalidProof::Claims));
}

#[rstest]
#[case::query("https://issuer.example/oauth/token?x=1#y")]
#[case::upper_case_host("HTTPS://Issuer.Example/oauth/token")]
#[case::default_port("https://issuer.example:443/oauth/token")]
fn an_address_is_compared_by_what_it_means(#[case] htu: &str) {
    let mut claims = claims();
    claims["htu"] = htu.into();
    assert!(check(&key().sign_claims(&claims), None).is_ok());
}

#[test]
fn a_proof_belongs_to_one_token() {
    let (key, url) = (key(), address());
    let request = |access_token| ProofRequest { method: "POST", url: &url, access_token, nonce: None, now: NOW };
    let of_another = key.proof(&request(Some("another"))).unwrap();
    let of_none = key.proof(&request(None)).unwrap();
    assert_eq!(check(&of_another, Some("token")), Err(InvalidProof::OtherToken));
    assert_eq!(check(&of_none, Some("token")), Err(InvalidProof::OtherToken));
}

#[rstest]
#[case::no_type(json!({ "typ": null }), InvalidProof::Malformed)]
#[case::access_token(json!({ "typ": "at+jwt" }), InvalidProof::WrongType)]
#[case::symmetric(json!({ "alg": "HS256" }), InvalidProof::WrongAlgorithm)]
#[case::none(json!({ "alg": "none" }), InvalidProof::WrongAlgorithm)]
#[case::of_another_curve(json!({ "alg": "ES384" }), InvalidProof::WrongAlgorithm)]
#[case::of_another_family(json!({ "alg": "RS256" }), InvalidProof::WrongAlgorithm)]
#[case::critical(json!({ "crit": ["x"] }), InvalidProof::UnsupportedHeader)]
#[case::unencoded(json!({ "b64": false }), InvalidProof::UnsupportedHeader)]
#[case::key_elsewhere(json!({ "jku": "https://evil.example" }), InvalidProof::UnsupportedHeader)]
#[case::certificate(json!({ "x5c": ["AAAA"] }), InvalidProof::UnsupportedHeader)]
#[case::key_as_text(json!({ "jwk": "key" }), InvalidProof::Malformed)]
#[case::key_as_list(json!({ "jwk": [] }), InvalidProof::Malformed)]
#[case::empty_key(json!({ "jwk": {} }), InvalidProof::WrongAlgorithm)]
#[case::symmetric_key(json!({ "jwk": { "kty": "oct", "k": "c2VjcmV0" } }), InvalidProof::NotAPublicKey)]
fn a_header_that_asks_for_something_else_is_refused(#[case] change: Value, #[case] expected: InvalidProof) {
    let key = key();
    let mut header = key.header();
    for (name, value) in change.as_object().unwrap() {
        header[name] = value.clone();
    }
    assert_eq!(check(&key.sign_with_header(&header, &claims()), None), Err(expected));
}

#[test]
fn a_private_key_in_the_header_is_refused() {
    let key = key();
    let mut header = key.header();
    header["jwk"]["d"] = json!("AAAA");
    assert_eq!(check(&key.sign_with_header(&header, &claims()), None), Err(InvalidProof::NotAPublicKey));
}

#[test]
fn a_signature_by_another_key_than_the_one_named_is_refused() {
    let (named, other) = (key(), key());
    assert_eq!(check(&other.sign_with_header(&named.header(), &claims()), None), Err(InvalidProof::BadSignature));
    let zeros = key().sign_claims(&claims());
    let zeros = format!("{}.{}", zeros.rsplit_once('.').unwrap().0, encode([0; 64]));
    assert_eq!(check(&zeros, None), Err(InvalidProof::BadSignature));
}

#[test]
fn keys_of_other_algorithms_prove_as_well() {
    use jsonwebtoken::Algorithm;
    for algorithm in [Algorithm::RS256, Algorithm::PS256, Algorithm::EdDSA] {
        let signer = Signer::new(algorithm);
        let header = json!({ "typ": "dpop+jwt", "alg": format!("{algorithm:?}"), "jwk": signer.jwk() });
        let proof = check(&signer.sign_raw(&header.to_string(), &claims().to_string()), None).unwrap();
        assert!(is_thumbprint(&proof.jkt), "{algorithm:?}");
    }
}

#[rstest]
#[case("", InvalidProof::Malformed)]
#[case("a.b", InvalidProof::Malformed)]
#[case("a.b.c.d", InvalidProof::Malformed)]
#[case("*.e30.AA", InvalidProof::Malformed)]
#[case("e30.e30.AA", InvalidProof::Malformed)]
fn what_is_no_proof_is_refused(#[case] text: &str, #[case] expected: InvalidProof) {
    assert_eq!(check(text, None), Err(expected));
    assert_eq!(check(&"a".repeat(4097), None), Err(InvalidProof::TooLong));
}

#[test]
fn a_claim_that_comes_twice_is_refused() {
    let key = key();
    let message = format!(r#"{{"jti":"a","jti":"b","htm":"POST","htu":"{ADDRESS}","iat":{}}}"#, NOW.unix_timestamp());
    let signer = Signer::new(jsonwebtoken::Algorithm::ES256);
    let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": signer.jwk() });
    assert_eq!(check(&signer.sign_raw(&header.to_string(), &message), None), Err(InvalidProof::Malformed));
    assert!(check(&key.sign_claims(&claims()), None).is_ok());
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[ -~]{0,80}", parts in proptest::collection::vec("[A-Za-z0-9_-]{0,30}", 3)) {
        let _ = check(&text, None);
        let _ = check(&parts.join("."), Some("token"));
    }
}
