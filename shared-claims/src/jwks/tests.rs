use std::time::Duration as StdDuration;

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::ManualClock;
use crate::minting::{NOW, Signer};

const JWKS: &str = "/.well-known/jwks.json";

/// An auth server whose answers a test changes, and the cache that asks it.
struct World {
    server: MockServer,
    clock: ManualClock,
    jwks: Jwks,
}

impl World {
    async fn with(answer: ResponseTemplate) -> Self {
        let server = MockServer::start().await;
        let clock = ManualClock::at(NOW);
        let http = http::client(StdDuration::from_secs(2)).unwrap();
        let discovery = Discovery::new(&server.uri(), None, http.clone());
        let world = Self { jwks: Jwks::new(discovery, http, Arc::new(clock.clone())), server, clock };
        world.answers(answer).await;
        world
    }

    async fn publishing(kids: &[&str]) -> Self {
        Self::with(set_of(kids)).await
    }

    async fn answers(&self, answer: ResponseTemplate) {
        self.server.reset().await;
        let issuer = self.server.uri();
        let metadata = json!({
            "issuer": issuer, "jwks_uri": format!("{issuer}{JWKS}"), "token_endpoint": format!("{issuer}/oauth/token"),
        });
        Mock::given(path("/.well-known/openid-configuration"))
            .respond_with(ResponseTemplate::new(200).set_body_json(metadata))
            .mount(&self.server)
            .await;
        Mock::given(path(JWKS)).respond_with(answer).mount(&self.server).await;
    }

    async fn knows(&self, kid: &str) -> Option<bool> {
        self.jwks.keys_for(kid).await.ok().map(|keys| keys.find(kid).is_some())
    }

    /// How often the set was asked for since the answer was last changed.
    async fn fetches(&self) -> usize {
        let requests = self.server.received_requests().await.unwrap();
        requests.iter().filter(|request| request.url.path() == JWKS).count()
    }

    /// Lets a fetch that runs beside the requests end.
    async fn fetch_ended(&self) {
        while self.fetches().await == 0 {
            tokio::task::yield_now().await;
        }
        drop(self.jwks.0.turn.lock().await);
    }
}

fn set_of(kids: &[&str]) -> ResponseTemplate {
    let keys: Vec<Value> = kids.iter().map(|kid| Signer::new(Algorithm::EdDSA).named(kid).jwk()).collect();
    ResponseTemplate::new(200).set_body_json(json!({ "keys": keys }))
}

fn down() -> ResponseTemplate {
    ResponseTemplate::new(503)
}

#[tokio::test]
async fn many_who_wait_are_served_by_one_fetch() {
    let world = World::with(set_of(&["one"]).set_delay(StdDuration::from_millis(50))).await;
    let waiting: Vec<_> = (0..50)
        .map(|_| {
            let jwks = world.jwks.clone();
            tokio::spawn(async move { jwks.keys_for("one").await })
        })
        .collect();
    for waiter in waiting {
        assert!(waiter.await.unwrap().unwrap().find("one").is_some());
    }
    assert_eq!(world.fetches().await, 1);
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_take_the_fetch_along() {
    let world = World::with(set_of(&["one"]).set_delay(StdDuration::from_millis(50))).await;
    let jwks = world.jwks.clone();
    let caller = tokio::spawn(async move { jwks.keys_for("one").await });
    while world.fetches().await == 0 {
        tokio::task::yield_now().await;
    }
    caller.abort();
    assert_eq!(world.knows("one").await, Some(true));
    assert_eq!(world.fetches().await, 1);
}

#[tokio::test]
async fn an_unknown_key_is_looked_for_once_per_cool_down() {
    let world = World::publishing(&["one"]).await;
    assert_eq!(world.knows("one").await, Some(true));
    for attempt in 0..20 {
        assert_eq!(world.knows(&format!("made-up-{attempt}")).await, Some(false));
    }
    assert_eq!(world.fetches().await, 1);
    world.clock.advance(COOL_DOWN);
    for attempt in 0..20 {
        assert_eq!(world.knows(&format!("made-up-{attempt}")).await, Some(false));
    }
    assert_eq!(world.fetches().await, 2);
}

#[tokio::test]
async fn a_new_key_is_found_before_the_set_is_old() {
    let world = World::publishing(&["one"]).await;
    assert_eq!(world.knows("one").await, Some(true));
    world.answers(set_of(&["one", "two"])).await;
    world.clock.advance(COOL_DOWN);
    assert_eq!(world.knows("two").await, Some(true));
}

#[tokio::test]
async fn a_removed_key_counts_no_more_once_the_set_is_old() {
    let world = World::publishing(&["one", "two"]).await;
    assert_eq!(world.knows("two").await, Some(true));
    world.answers(set_of(&["one"])).await;
    world.clock.advance(DEFAULT_MAX_AGE - Duration::SECOND);
    assert_eq!(world.knows("two").await, Some(true));
    world.clock.advance(Duration::SECOND);
    assert_eq!(world.knows("two").await, Some(false));
    assert_eq!(world.knows("one").await, Some(true));
}

#[tokio::test]
async fn the_last_good_keys_serve_while_the_server_is_down_and_nobody_waits() {
    let world = World::publishing(&["one"]).await;
    assert_eq!(world.knows("one").await, Some(true));
    world.answers(down()).await;
    world.clock.advance(Duration::HOUR);
    for _ in 0..20 {
        assert_eq!(world.knows("one").await, Some(true));
    }
    assert_eq!(world.fetches().await, 1);
    world.answers(set_of(&["one", "two"]).set_delay(StdDuration::from_millis(200))).await;
    world.clock.advance(COOL_DOWN);
    assert_eq!(world.knows("one").await, Some(true));
    assert!(world.jwks.0.state().failure.is_some(), "the request must not have waited for the answer");
    world.fetch_ended().await;
    assert_eq!(world.knows("two").await, Some(true));
}

#[tokio::test]
async fn without_any_keys_it_says_so_and_tries_again_soon() {
    let world = World::with(down()).await;
    for _ in 0..5 {
        assert_eq!(world.knows("one").await, None);
    }
    assert_eq!(world.fetches().await, 1);
    world.answers(set_of(&["one"])).await;
    world.clock.advance(RETRY);
    assert_eq!(world.knows("one").await, Some(true));
}

#[tokio::test]
async fn a_broken_set_does_not_replace_a_good_one() {
    let elsewhere = ResponseTemplate::new(302).insert_header("Location", "/elsewhere");
    let broken = [
        ResponseTemplate::new(200).set_body_string("<html>"),
        ResponseTemplate::new(200).set_body_bytes([0xff, 0xfe]),
        ResponseTemplate::new(200).set_body_string(" ".repeat(LARGEST_SET + 1)),
        elsewhere,
    ];
    for answer in broken {
        let world = World::publishing(&["one"]).await;
        assert_eq!(world.knows("one").await, Some(true));
        world.answers(answer).await;
        world.clock.advance(Duration::HOUR);
        assert_eq!(world.knows("one").await, Some(true));
        assert_eq!(world.fetches().await, 1);
    }
}

#[tokio::test]
async fn the_issuer_says_how_long_the_set_counts_within_bounds() {
    for (said, kept) in [
        ("public, max-age=60", Duration::MINUTE),
        ("max-age=0", SHORTEST_MAX_AGE),
        ("no-store", SHORTEST_MAX_AGE),
        ("max-age=31536000", LONGEST_MAX_AGE),
        ("max-age=soon", DEFAULT_MAX_AGE),
    ] {
        let world = World::with(set_of(&["one"]).insert_header("Cache-Control", said)).await;
        assert_eq!(world.knows("one").await, Some(true));
        world.clock.advance(kept - Duration::SECOND);
        assert_eq!(world.knows("one").await, Some(true));
        assert_eq!(world.fetches().await, 1, "{said}");
        world.clock.advance(Duration::SECOND);
        assert_eq!(world.knows("one").await, Some(true));
        assert_eq!(world.fetches().await, 2, "{said}");
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_make_the_set_young_again() {
    let world = World::publishing(&["one"]).await;
    assert_eq!(world.knows("one").await, Some(true));
    world.clock.advance(-Duration::DAY);
    assert_eq!(world.knows("one").await, Some(true));
    assert_eq!(world.fetches().await, 2);
}
