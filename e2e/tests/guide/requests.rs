//! The requests of the guide, by what is wrong with them.

use std::time::Instant;

use anyhow::{Result, ensure};
use e2e::stack::Stack;
use e2e::steps::{Credentials, Exchange, Holder, Person, Tokens};
use e2e::world::{self, API_A, API_B, API_C};
use reqwest::header::HeaderName;
use shared_claims::ManualClock;

use super::{
    ACCESS_TOKEN, ID_TOKEN, JWT_BEARER, SECRET, TOKEN_EXCHANGE, VAULT, Writer, access_token,
    without_the_pairing_of_a_and_b,
};

/// Tokens that are bound to keys: the app's, the worker's, API A's own.
pub async fn bound(guide: &mut Writer<'_>, token_a: &str, clock: &ManualClock) -> Result<()> {
    let (app, holder) = (guide.stack.app()?, Holder::with_clock(clock.clone())?);
    let server = &guide.stack.auth_server;
    let (code, request) = app.obtain_code(&Person::named("alice")?).await?;
    let bound: Tokens = holder.redeem(&app, &code, &request).await?.expect_status(200)?.read()?;
    let own = [("grant_type", "client_credentials"), ("audience", API_A), ("scope", "read:reports")];
    let worker = holder.token(server, &Credentials::basic("report-worker", SECRET), &own).await?.expect_status(200)?;
    let worker = access_token(&worker)?;
    let proof = || holder.proof_for_token(server, None).map(Some);
    let api_a = world::api_a_credentials();
    let of =
        |subject| [("grant_type", TOKEN_EXCHANGE), ("subject_token", subject), ("subject_token_type", ACCESS_TOKEN)];
    let to_b = ("audience", API_B);

    guide.name(&bound.access_token, "$BOUND_TOKEN_A");
    guide.name(&worker, "$BOUND_WORKER");
    guide.ask_with("granted-bound", &api_a, &[&of(&bound.access_token)[..], &[to_b]].concat(), proof()?).await?;
    guide.exchange("binding_would_be_lost", &bound.access_token, &[to_b]).await?;
    guide.exchange("binding_required", token_a, &[("audience", VAULT)]).await?;
    let actor = [to_b, ("actor_token", worker.as_str()), ("actor_token_type", ACCESS_TOKEN)];
    guide.exchange("actor_bound_to_another_key", token_a, &actor).await?;
    let twice = holder.proof_for_token(server, None)?;
    let form = [&of(token_a)[..], &[to_b]].concat();
    server.token_with(&api_a, &form, [(HeaderName::from_static("dpop"), twice.clone())]).await?.expect_status(200)?;
    guide.ask_with("proof_replayed", &api_a, &form, Some(twice)).await.map(drop)
}

/// What a request has wrong on its face.
pub async fn wrong_requests(guide: &mut Writer<'_>, alice: &Tokens, worker: &str) -> Result<()> {
    let token_a = alice.access_token.as_str();
    let to_b = ("audience", API_B);
    let bare = [("grant_type", TOKEN_EXCHANGE), ("subject_token_type", ACCESS_TOKEN), to_b];
    let api_a = world::api_a_credentials();
    guide
        .ask("grant_type_not_allowed", &world::demo_web_credentials(), &[("grant_type", TOKEN_EXCHANGE), to_b])
        .await?;
    guide.on_behalf_of("requested_token_use_not_supported", token_a, &[("scope", "read:receipts")]).await?;
    let obo = ("requested_token_use", "on_behalf_of");
    guide.ask("parameter_missing", &api_a, &[("grant_type", JWT_BEARER), obo]).await?;
    let both = format!("{API_B}/.default {API_B}/read:receipts");
    guide.on_behalf_of("scope_and_default", token_a, &[obo, ("scope", &both)]).await?;
    guide.exchange("parameter_empty", token_a, &[to_b, ("scope", "")]).await?;
    guide.exchange("parameter_repeated", token_a, &[to_b, ("scope", "a"), ("scope", "b")]).await?;
    guide.ask("subject_token_missing", &api_a, &bare).await?;
    guide.exchange("subject_token_malformed", &format!("Bearer {token_a}"), &[to_b]).await?;
    let untyped = [("grant_type", TOKEN_EXCHANGE), ("subject_token", token_a), to_b];
    guide.ask("subject_token_type_missing", &api_a, &untyped).await?;
    let typed = [&untyped[..], &[("subject_token_type", ID_TOKEN)]].concat();
    guide.ask("subject_token_type_not_supported", &api_a, &typed).await?;
    guide.exchange("requested_token_type_not_supported", token_a, &[to_b, ("requested_token_type", ID_TOKEN)]).await?;
    let actor_type = ("actor_token_type", ACCESS_TOKEN);
    guide.exchange("actor_token_type_missing", token_a, &[to_b, ("actor_token", worker)]).await?;
    guide.exchange("actor_token_type_unexpected", token_a, &[to_b, actor_type]).await?;
    let wrong_type = [to_b, ("actor_token", worker), ("actor_token_type", ID_TOKEN)];
    guide.exchange("actor_token_type_not_supported", token_a, &wrong_type).await?;
    let with_prefix = format!("Bearer {worker}");
    guide.exchange("actor_token_malformed", token_a, &[to_b, ("actor_token", &with_prefix), actor_type]).await?;
    let id_token = alice.id_token()?;
    guide.exchange("actor_token_not_an_access_token", token_a, &[to_b, ("actor_token", id_token), actor_type]).await?;
    guide.exchange("actor_token_invalid", token_a, &[to_b, ("actor_token", "tampered"), actor_type]).await?;
    guide.exchange("scope_malformed", token_a, &[to_b, ("scope", "read:\"receipts\"")]).await?;
    guide.exchange("several_targets", token_a, &[to_b, ("audience", API_C)]).await?;
    guide.exchange("target_conflict", token_a, &[to_b, ("resource", API_C)]).await?;
    guide.exchange("resource_malformed", token_a, &[("resource", "receipts")]).await?;
    guide.exchange("subject_token_not_an_access_token", id_token, &[to_b]).await?;
    let tampered = e2e::steps::forgery::with_a_broken_signature(token_a)?;
    guide.name(&tampered, "$TAMPERED");
    guide.exchange("subject_token_invalid", &tampered, &[to_b]).await?;
    Ok(())
}

pub async fn grants(guide: &mut Writer<'_>, token_a: &str, worker: &str) -> Result<()> {
    let to_b = ("audience", API_B);
    guide.exchange("granted", token_a, &[to_b, ("scope", "read:receipts")]).await?;
    let scope = format!("{API_B}/read:receipts");
    let obo = ("requested_token_use", "on_behalf_of");
    guide.on_behalf_of("granted-jwt-bearer", token_a, &[obo, ("scope", &scope)]).await?;
    let actor = [("actor_token", worker), ("actor_token_type", ACCESS_TOKEN)];
    guide.exchange("granted-to-an-agent", token_a, &[&[to_b][..], &actor].concat()).await?;
    Ok(())
}

/// What the rules refuse while tokens are fresh.
pub async fn refusals(guide: &mut Writer<'_>, alice: &Tokens, worker: &str) -> Result<()> {
    let token_a = alice.access_token.as_str();
    let to_b = ("audience", API_B);
    let api_b = Credentials::basic("api-b", SECRET);
    let of_a = [("grant_type", TOKEN_EXCHANGE), ("subject_token", token_a), ("subject_token_type", ACCESS_TOKEN)];
    guide.ask("not_addressed_to_asker", &api_b, &[&of_a[..], &[("audience", API_A)]].concat()).await?;
    let answer = Exchange::of(token_a).to(API_B).send(&guide.stack.auth_server, &world::api_a_credentials()).await?;
    let token_b = access_token(&answer.expect_status(200)?)?;
    guide.name(&token_b, "$TOKEN_B");
    let of_b = [("grant_type", TOKEN_EXCHANGE), ("subject_token", &token_b), ("subject_token_type", ACCESS_TOKEN)];
    guide.ask("chain_loops", &api_b, &[&of_b[..], &[("audience", API_A)]].concat()).await?;

    let actor_type = ("actor_token_type", ACCESS_TOKEN);
    guide.exchange("actor_is_the_subject", token_a, &[to_b, ("actor_token", token_a), actor_type]).await?;
    guide.exchange("actor_not_a_machine", token_a, &[to_b, ("actor_token", &token_b), actor_type]).await?;
    let other = guide.own_token("other-machine").await?;
    guide.name(&other, "$OTHER_MACHINE");
    guide.exchange("actor_not_of_asker", token_a, &[to_b, ("actor_token", &other), actor_type]).await?;
    guide.exchange("may_act_names_another", &other, &[to_b]).await?;
    guide.exchange("machine_subject", worker, &[("audience", API_C)]).await?;
    guide.exchange("no_user_to_identify", worker, &[to_b, ("scope", "openid read:receipts")]).await?;

    guide.exchange("target_missing", token_a, &[]).await?;
    guide.exchange("target_not_paired", token_a, &[("audience", "https://nowhere.example")]).await?;
    guide.exchange("consent_missing", token_a, &[("audience", API_C), ("scope", "read:archive")]).await?;
    guide.exchange("scope_outside_pairing", token_a, &[to_b, ("scope", "read:receipts delete:receipts")]).await?;
    guide.exchange("offline_access_not_allowed", token_a, &[to_b, ("scope", "offline_access read:receipts")]).await?;
    let mut narrow = guide.stack.app()?;
    "openid read:reports".clone_into(&mut narrow.scope);
    let narrow = narrow.sign_in(&Person::named("alice")?).await?;
    guide.name(&narrow.access_token, "$NARROW_TOKEN_A");
    guide.exchange("scope_requires_more", &narrow.access_token, &[to_b, ("scope", "write:receipts")]).await?;
    let bob = guide.stack.sign_in("bob").await?;
    guide.name(&bob.access_token, "$TOKEN_A_OF_BOB");
    guide.exchange("nothing_left", &bob.access_token, &[to_b, ("scope", "write:receipts")]).await?;
    let revoked = revoked(guide.stack).await?;
    guide.name(&revoked, "$REVOKED_TOKEN_A");
    guide.exchange("subject_token_revoked", &revoked, &[to_b]).await.map(drop)
}

/// A token whose grant ended when its code came back.
async fn revoked(stack: &Stack) -> Result<String> {
    let app = stack.app()?;
    let (code, request) = app.obtain_code(&Person::named("alice")?).await?;
    let tokens: Tokens = app.redeem(&code, &request.verifier).await?.expect_status(200)?.read()?;
    app.redeem(&code, &request.verifier).await?.expect_error(400, "invalid_grant")?;
    Ok(tokens.access_token)
}

/// Alice agrees to the archive, which allows offline access here.
pub async fn for_later(guide: &mut Writer<'_>) -> Result<()> {
    let (app, alice) = (guide.stack.app()?, Person::named("alice")?);
    let tokens = app.sign_in_for_consent(&alice).await?;
    guide.name(&tokens.access_token, "$TOKEN_A");
    let asked = [("audience", API_C), ("scope", "openid offline_access read:archive")];
    guide.exchange("granted-for-later", &tokens.access_token, &asked).await.map(drop)
}

/// What a change of the configuration, or an administrator, ends.
pub async fn what_was_ended(guide: &mut Writer<'_>, alice: &Tokens) -> Result<()> {
    let exchange = Exchange::of(&alice.access_token).to(API_B);
    let answer = exchange.send(&guide.stack.auth_server, &world::api_a_credentials()).await?.expect_status(200)?;
    let token_b = access_token(&answer)?;
    guide.name(&token_b, "$TOKEN_B");
    let applied = guide.stack.command(&["apply"], without_the_pairing_of_a_and_b).await?;
    ensure!(applied.code == 0, "{applied:?}");
    let since = Instant::now();
    while exchange.send(&guide.stack.auth_server, &world::api_a_credentials()).await?.is_success() {
        ensure!(since.elapsed().as_secs() < 30, "the removal is not seen");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let of_b = [("grant_type", TOKEN_EXCHANGE), ("subject_token", &token_b), ("subject_token_type", ACCESS_TOKEN)];
    let to_a = [&of_b[..], &[("audience", API_A)]].concat();
    guide.ask("chain_no_longer_allowed", &Credentials::basic("api-b", SECRET), &to_a).await?;
    let blocked = guide.stack.command(&["users", "block", "alice"], |_| {}).await?;
    ensure!(blocked.code == 0, "{blocked:?}");
    guide.exchange("user_blocked", &alice.access_token, &[("audience", API_B)]).await.map(drop)
}
