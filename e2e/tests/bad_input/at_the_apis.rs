//! Tokens that no API may accept (RFC 6750 section 3.1, RFC 9068 section 4, RFC 8725).

use anyhow::{Context, Result, ensure};
use e2e::stack::Stack;
use e2e::steps::{Answer, forgery, receipt};
use serde_json::json;

#[tokio::test]
async fn a_token_that_is_not_ours_to_the_letter_is_refused() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let tokens = stack.sign_in("alice").await?;
    let good = &tokens.access_token;
    let mut bad = vec![
        ("another user", forgery::tampered(good, "sub", json!("usr_other"))?),
        ("more scope", forgery::tampered(good, "scope", json!("read:reports write:reports admin"))?),
        ("a longer life", forgery::tampered(good, "exp", json!(4_102_444_800_i64))?),
        ("another audience", forgery::tampered(good, "aud", json!("https://api-b.example"))?),
        ("a broken signature", forgery::with_a_broken_signature(good)?),
        ("alg none", forgery::unsigned(good, "none")?),
        ("alg None", forgery::unsigned(good, "None")?),
        ("no signature", forgery::unsigned(good, "RS256")?),
        ("a foreign key", forgery::signed_by_a_foreign_key(good)?),
        ("an ID token", tokens.id_token()?.to_owned()),
        ("a refresh token", tokens.refresh_token()?.to_owned()),
        ("a fourth part", format!("{good}.x")),
        ("half a token", good[..good.len() / 2].to_owned()),
        ("padding", format!("{good}=")),
        ("no token at all", "x".to_owned()),
        ("a token of 100 kB", format!("{}{}", good, "A".repeat(100_000))),
    ];
    let keys = stack.auth_server.jwks().await?;
    let with_public_key = forgery::signed_with_the_public_key(good, &keys)?;
    bad.extend(with_public_key.into_iter().map(|token| ("HS256 with the public key", token)));
    for (name, token) in bad {
        let answer = stack.api_a.report(&token).await?;
        is_refused(&answer, &token).with_context(|| name)?;
    }
    stack.api_a.report(good).await?.expect_status(200)?;
    stack.stop().await
}

fn is_refused(answer: &Answer, token: &str) -> Result<()> {
    // A header that is too long for the server at all is refused before anybody reads a token.
    let too_long = answer.status == 431 && token.len() > 8192;
    let challenged = answer.status == 401 && answer.challenge().contains("error=\"invalid_token\"");
    ensure!(too_long || challenged, "{answer:?}");
    ensure!(!answer.body.contains(token), "the answer repeats the token");
    Ok(())
}

#[tokio::test]
async fn a_token_for_api_a_opens_nothing_at_api_b() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let tokens = stack.sign_in("alice").await?;
    let token = &tokens.access_token;
    stack.api_b.receipts(token).await?.expect_challenge(401, "invalid_token")?;
    stack.api_b.me(token).await?.expect_challenge(401, "invalid_token")?;
    stack.api_b.file_receipt(token, &receipt("Bakery", 450)).await?.expect_challenge(401, "invalid_token")?;
    stack.stop().await
}

#[tokio::test]
async fn without_a_token_there_is_a_challenge_without_an_error() -> Result<()> {
    let stack = Stack::builder().start().await?;
    for answer in [stack.api_a.get("api/report", None).await?, stack.api_b.get("api/receipts", None).await?] {
        ensure!(answer.status == 401 && answer.challenge().starts_with("Bearer"), "{answer:?}");
        ensure!(!answer.challenge().contains("error="), "{answer:?}");
        ensure!(answer.challenge().contains("resource_metadata="), "no RFC 9728 pointer: {answer:?}");
    }
    stack.stop().await
}

#[tokio::test]
async fn a_receipt_that_makes_no_sense_is_refused_and_nothing_is_filed() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let tokens = stack.sign_in("alice").await?;
    let before = stack.api_a.report(&tokens.access_token).await?.expect_status(200)?.json();
    let bad = [json!({}), json!([]), json!(null), json!({ "merchant": 7 }), json!({ "merchant": "x".repeat(100_000) })];
    for body in bad {
        let answer = stack.api_a.file_receipt(&tokens.access_token, &body).await?;
        ensure!(matches!(answer.status, 400 | 413 | 415 | 422), "{answer:?}");
        ensure!(answer.header("content-type").starts_with("application/problem+json"), "{answer:?}");
    }
    let after = stack.api_a.report(&tokens.access_token).await?.expect_status(200)?.json();
    assert_eq!(before, after);
    stack.stop().await
}
