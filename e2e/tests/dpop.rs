//! Tokens that are bound to a key (DPoP, RFC 9449), from the app's sign-in to API B: of use to their holder alone, at every hop,
//! and never weaker after an exchange.

use anyhow::{Result, ensure};
use e2e::stack::{Configuration, Database, Stack};
use e2e::steps::{Exchange, Holder, Jwt, Person, Tokens};
use e2e::world::{API_B, api_a_credentials};
use reqwest::header::{HeaderName, HeaderValue};
use rstest::rstest;
use toml::Value as Setting;

const DPOP: HeaderName = HeaderName::from_static("dpop");

/// An app that has signed Alice in, and whose tokens are bound to its key.
struct World {
    stack: Stack,
    app: Holder,
    tokens: Tokens,
}

impl World {
    async fn start(database: Database, change: fn(&mut Configuration)) -> Result<Self> {
        let stack = Stack::builder().in_process().on(database).configured(change).start().await?;
        let app = Holder::new()?;
        let (code, request) = stack.app()?.obtain_code(&Person::named("alice")?).await?;
        let tokens = app.redeem(&stack.app()?, &code, &request).await?.expect_status(200)?.read()?;
        Ok(Self { stack, app, tokens })
    }

    fn at_api_a(&self, path: &str) -> Result<String> {
        Ok(self.stack.api_a_url().join(path)?.to_string())
    }

    fn exchange(&self) -> Exchange {
        Exchange::of(&self.tokens.access_token).to(API_B).scope("read:receipts")
    }

    /// The exchange with a proof by `asker`, as API A.
    async fn exchange_by(&self, asker: &Holder, scope: &str) -> Result<e2e::steps::Answer> {
        let exchange = Exchange::of(&self.tokens.access_token).to(API_B).scope(scope);
        let server = &self.stack.auth_server;
        exchange.send_with(server, &api_a_credentials(), [(DPOP, asker.proof_for_token(server, None)?)]).await
    }
}

fn as_it_is(_: &mut Configuration) {}

fn bound_to(token: &str) -> Result<String> {
    Ok(Jwt::parse(token)?.claims["cnf"]["jkt"].as_str().unwrap_or_default().to_owned())
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn the_six_steps_with_bound_tokens(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let world = World::start(database, as_it_is).await?;
    let World { stack, app, tokens } = &world;
    assert_eq!((tokens.token_type.as_str(), bound_to(&tokens.access_token)?.as_str()), ("DPoP", app.jkt()));

    // Steps 3 to 6: API A checks the proof, exchanges the token for one that is bound to its own key, and proves that at B.
    let report = app.get(&world.at_api_a("api/report")?, &tokens.access_token).await?.expect_status(200)?;
    ensure!(report.json()["receipts"].as_u64() > Some(0), "{report:?}");

    // Whoever finds the token can do nothing with it: without a proof, with a proof by another key.
    let stolen = stack.api_a.me(&tokens.access_token).await?.expect_challenge(401, "invalid_token")?;
    assert!(stolen.challenge().starts_with("DPoP "), "{}", stolen.challenge());
    let thief = Holder::new()?;
    thief.get(&world.at_api_a("api/me")?, &tokens.access_token).await?.expect_challenge(401, "invalid_token")?;
    let userinfo = stack.auth_server.url("userinfo");
    thief.get(&userinfo, &tokens.access_token).await?.expect_challenge(401, "invalid_token")?;
    stack.auth_server.userinfo(&tokens.access_token).await?.expect_challenge(401, "invalid_token")?;
    app.get(&userinfo, &tokens.access_token).await?.expect_status(200)?;

    let introspected = stack.auth_server.introspect(&api_a_credentials(), &tokens.access_token).await?.json();
    assert_eq!((&introspected["cnf"]["jkt"], &introspected["token_type"]), (&app.jkt().into(), &"DPoP".into()));
    world.stack.stop().await
}

#[tokio::test]
async fn what_comes_of_a_bound_token_is_bound_to_the_askers_own_key() -> Result<()> {
    let world = World::start(Database::Sqlite, as_it_is).await?;
    let unproved = world.exchange().send(&world.stack.auth_server, &api_a_credentials()).await?;
    assert_eq!(unproved.expect_error(400, "invalid_request")?.reason(), "binding_would_be_lost");

    let asker = Holder::new()?;
    let given: Tokens = world.exchange_by(&asker, "read:receipts").await?.expect_status(200)?.read()?;
    assert_eq!((given.token_type.as_str(), bound_to(&given.access_token)?.as_str()), ("DPoP", asker.jkt()));
    // The user's app holds another key: token B is of no use to it.
    let receipts = world.stack.api_b_url().join("api/receipts")?.to_string();
    world.app.get(&receipts, &given.access_token).await?.expect_challenge(401, "invalid_token")?;
    asker.get(&receipts, &given.access_token).await?.expect_status(200)?;
    world.stack.stop().await
}

#[tokio::test]
async fn a_refresh_token_from_a_bound_exchange_gives_bound_tokens_only() -> Result<()> {
    let allow = |world: &mut Configuration| world.set_in("apis", ("identifier", API_B), "allow_offline_access", true);
    let world = World::start(Database::Sqlite, allow).await?;
    let (asker, server) = (Holder::new()?, &world.stack.auth_server);
    let given: Tokens = world.exchange_by(&asker, "offline_access read:receipts").await?.expect_status(200)?.read()?;
    let form = [("grant_type", "refresh_token"), ("refresh_token", given.refresh_token()?)];
    let unproved = server.token(&api_a_credentials(), &form).await?.expect_error(400, "invalid_grant")?;
    assert_eq!(unproved.reason(), "binding_would_be_lost");
    let renewed: Tokens = asker.token(server, &api_a_credentials(), &form).await?.expect_status(200)?.read()?;
    assert_eq!(bound_to(&renewed.access_token)?, asker.jkt());
    world.stack.stop().await
}

#[tokio::test]
async fn a_public_clients_refresh_token_is_of_use_to_its_holder_alone() -> Result<()> {
    let world = World::start(Database::Sqlite, as_it_is).await?;
    let (server, app) = (&world.stack.auth_server, world.stack.app()?);
    let form = [("grant_type", "refresh_token"), ("refresh_token", world.tokens.refresh_token()?)];
    let unproved = server.token(&app.credentials, &form).await?.expect_error(400, "invalid_dpop_proof")?;
    assert_eq!(unproved.reason(), "proof_missing");
    let thief = Holder::new()?.token(server, &app.credentials, &form).await?;
    assert_eq!(thief.expect_error(400, "invalid_dpop_proof")?.reason(), "proof_of_another_key");
    // Neither has used it up.
    let renewed: Tokens = world.app.token(server, &app.credentials, &form).await?.expect_status(200)?.read()?;
    assert_eq!(bound_to(&renewed.access_token)?, world.app.jkt());
    world.stack.stop().await
}

#[tokio::test]
async fn a_code_that_was_asked_for_with_a_key_is_redeemed_by_its_holder_alone() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let (app, holder, alice) = (stack.app()?, Holder::new()?, Person::named("alice")?);
    let request = app.authorization_request().with("dpop_jkt", holder.jkt());
    let code = app.code_from(&app.authorize(&request, &alice).await?.callback()?, &request)?;
    let unproved = app.redeem(&code, &request.verifier).await?.expect_error(400, "invalid_dpop_proof")?;
    assert_eq!(unproved.reason(), "proof_missing");
    let thief = Holder::new()?.redeem(&app, &code, &request).await?;
    assert_eq!(thief.expect_error(400, "invalid_dpop_proof")?.reason(), "proof_of_another_key");
    let tokens: Tokens = holder.redeem(&app, &code, &request).await?.expect_status(200)?.read()?;
    assert_eq!(bound_to(&tokens.access_token)?, holder.jkt());
    // A replay by somebody without the key is no switch to end the grant.
    Holder::new()?.redeem(&app, &code, &request).await?.expect_error(400, "invalid_dpop_proof")?;
    holder.get(stack.api_a_url().join("api/report")?.as_ref(), &tokens.access_token).await?.expect_status(200)?;

    let malformed = app.authorization_request().with("dpop_jkt", "not a thumbprint");
    let refused = app.authorize(&malformed, &alice).await?.callback()?;
    assert_eq!(refused.get("error"), Some("invalid_request"));
    stack.stop().await
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn a_proof_is_good_for_one_request_at_all_replicas_together(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let mut world = World::start(database, as_it_is).await?;
    let mut servers = vec![world.stack.auth_server.clone()];
    if database == Database::Postgres {
        servers.push(world.stack.replica().await?);
    }
    let proof = Holder::new()?.proof_for_token(&servers[0], None)?;
    let (exchange, who) = (world.exchange(), api_a_credentials());
    let shown = servers.iter().cycle().take(40);
    let shown = shown.map(|server| exchange.send_with(server, &who, [(DPOP, proof.clone())]));
    let answers = futures_util::future::try_join_all(shown).await?;
    assert_eq!(answers.iter().filter(|answer| answer.is_success()).count(), 1);
    for refused in answers.into_iter().filter(|answer| !answer.is_success()) {
        assert_eq!(refused.expect_error(400, "invalid_dpop_proof")?.reason(), "proof_replayed");
    }
    world.stack.stop().await
}

#[tokio::test]
async fn a_server_that_demands_nonces_gives_them_and_everybody_copes() -> Result<()> {
    let demand = |world: &mut Configuration| {
        let dpop = toml::Table::from_iter([("require_nonce".to_owned(), Setting::from(true))]);
        world.auth_server.insert("dpop".to_owned(), dpop.into());
    };
    let stack = Stack::builder().in_process().configured(demand).start().await?;
    let (app, holder) = (stack.app()?, Holder::new()?);
    let (code, request) = app.obtain_code(&Person::named("alice")?).await?;
    let told = holder.redeem(&app, &code, &request).await?.expect_error(400, "use_dpop_nonce")?;
    let nonce = told.header("dpop-nonce").to_owned();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", &app.redirect_uri),
        ("code_verifier", &request.verifier),
    ];
    let made_up = holder.proof_for_token(&stack.auth_server, Some("made-up"))?;
    let made_up = stack.auth_server.token_with(&app.credentials, &form, [(DPOP, made_up)]).await?;
    made_up.expect_error(400, "use_dpop_nonce")?;
    let proof = holder.proof_for_token(&stack.auth_server, Some(&nonce))?;
    let tokens = stack.auth_server.token_with(&app.credentials, &form, [(DPOP, proof)]).await?.expect_status(200)?;
    ensure!(!tokens.header("dpop-nonce").is_empty(), "the next nonce comes with the tokens");
    let tokens: Tokens = tokens.read()?;
    // API A's own exchange learns the nonce by itself; APIs give none.
    holder.get(stack.api_a_url().join("api/report")?.as_ref(), &tokens.access_token).await?.expect_status(200)?;
    stack.stop().await
}

/// API B takes bound tokens only, and so does the auth server give them for it.
fn demand_bound_tokens_at_b(world: &mut Configuration) {
    world.set_in("apis", ("identifier", API_B), "dpop_bound_access_tokens_required", true);
    world.api_b.insert("require_bound_tokens".to_owned(), true.into());
}

#[tokio::test]
async fn an_api_that_demands_bound_tokens_gets_no_others() -> Result<()> {
    let stack = Stack::builder().in_process().configured(demand_bound_tokens_at_b).start().await?;
    let tokens = stack.sign_in("alice").await?;
    let exchange = Exchange::of(&tokens.access_token).to(API_B).send(&stack.auth_server, &api_a_credentials()).await?;
    assert_eq!(exchange.expect_error(400, "invalid_request")?.reason(), "binding_required");
    stack.api_a.report(&tokens.access_token).await?.expect_status(502)?;
    let metadata = stack.api_b.get(".well-known/oauth-protected-resource", None).await?.json();
    assert_eq!(metadata["dpop_bound_access_tokens_required"], true);
    stack.stop().await?;

    let bind = |world: &mut Configuration| {
        demand_bound_tokens_at_b(world);
        world.api_a.insert("bind_tokens".to_owned(), true.into());
    };
    let stack = Stack::builder().in_process().configured(bind).start().await?;
    let tokens = stack.sign_in("alice").await?;
    stack.api_a.report(&tokens.access_token).await?.expect_status(200)?;
    stack.stop().await
}

#[tokio::test]
async fn a_client_whose_tokens_are_bound_gets_no_others() -> Result<()> {
    let bind = |world: &mut Configuration| {
        world.set_in("clients", ("id", "demo-app"), "dpop_bound_access_tokens", true);
    };
    let stack = Stack::builder().in_process().configured(bind).start().await?;
    let (app, holder) = (stack.app()?, Holder::new()?);
    let (code, request) = app.obtain_code(&Person::named("alice")?).await?;
    let unproved = app.redeem(&code, &request.verifier).await?.expect_error(400, "invalid_dpop_proof")?;
    assert_eq!(unproved.reason(), "proof_missing");
    holder.redeem(&app, &code, &request).await?.expect_status(200)?;
    stack.stop().await
}

#[tokio::test]
async fn a_proof_that_proves_nothing_is_refused_by_name() -> Result<()> {
    let world = World::start(Database::Sqlite, as_it_is).await?;
    let (server, holder) = (&world.stack.auth_server, Holder::new()?);
    let elsewhere = holder.proof("POST", &server.url("oauth/revoke"), None, None)?;
    let other_method = holder.proof("GET", &server.url("oauth/token"), None, None)?;
    let good = || holder.proof_for_token(server, None);
    let other_host = holder.proof("POST", "https://evil.example/oauth/token", None, None)?;
    let access_token = HeaderValue::from_str(&world.tokens.access_token)?;
    let cases: [(&[HeaderValue], &str); 8] = [
        (&[HeaderValue::from_static("")], "proof_malformed"),
        (&[HeaderValue::from_static("a.b.c")], "proof_malformed"),
        (&[access_token], "proof_malformed"),
        (&[elsewhere], "proof_of_another_address"),
        (&[other_host], "proof_of_another_address"),
        (&[other_method], "proof_of_another_method"),
        (&[good()?, good()?], "proof_malformed"),
        (&[HeaderValue::from_str(&"a".repeat(5000))?], "proof_too_long"),
    ];
    for (proofs, reason) in cases {
        let headers = proofs.iter().map(|proof| (DPOP, proof.clone()));
        let refused = world.exchange().send_with(server, &api_a_credentials(), headers).await?;
        assert_eq!(refused.expect_error(400, "invalid_dpop_proof")?.reason(), reason);
    }
    world.exchange().send_with(server, &api_a_credentials(), [(DPOP, good()?)]).await?.expect_status(200)?;
    world.stack.stop().await
}

#[tokio::test]
async fn a_proof_beside_a_token_at_an_api_is_for_that_token_and_once() -> Result<()> {
    let world = World::start(Database::Sqlite, as_it_is).await?;
    let (me, token) = (world.at_api_a("api/me")?, &world.tokens.access_token);
    let proof = world.app.proof("GET", &me, Some(token), None)?;
    world.app.get_with(&me, token, proof.clone()).await?.expect_status(200)?;
    for proof in [proof, world.app.proof("GET", &me, Some("another"), None)?, world.app.proof("GET", &me, None, None)?]
    {
        world.app.get_with(&me, token, proof).await?.expect_challenge(401, "invalid_dpop_proof")?;
    }
    world.stack.stop().await
}
