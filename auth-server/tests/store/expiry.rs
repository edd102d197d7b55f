use auth_server::store::{
    AttemptKey, AttemptPolicy, AuthorizationRequest, Change, NewAuthorizationCode, NewGrant, OpaqueSecret, Redemption,
    SecretHash, Session, SessionId, Store, UserId,
};
use time::{Duration, OffsetDateTime};

use crate::world::{NOW, World, grant_for, on_both, token};

on_both!(
    what_has_expired_goes_in_batches_and_the_rest_stays,
    a_grant_goes_with_all_that_came_from_it,
    tables_stay_bounded_however_long_the_load_goes_on,
);

async fn what_has_expired_goes_in_batches_and_the_rest_stays(world: World) {
    let store = &world.store;
    let mut hashes = Vec::new();
    for minutes in 0..10 {
        let hash = OpaqueSecret::generate().hash();
        hashes.push(hash);
        let request = AuthorizationRequest {
            hash,
            browser_hash: SecretHash::of("b"),
            client_id: "c".into(),
            document: "{}".into(),
            consented: false,
            created_at: NOW,
            expires_at: NOW + Duration::minutes(minutes),
        };
        store.insert_authorization_request(request).await.unwrap();
    }
    let now = NOW + Duration::minutes(6);
    assert_eq!(store.remove_expired(now, 3).await.unwrap(), 3);
    assert_eq!(store.remove_expired(now, 3).await.unwrap(), 3);
    assert_eq!(store.remove_expired(now, 3).await.unwrap(), 1);
    assert_eq!(store.remove_expired(now, 3).await.unwrap(), 0);
    for (minutes, hash) in hashes.into_iter().enumerate() {
        assert_eq!(store.find_authorization_request(hash, NOW - Duration::DAY).await.unwrap().is_some(), minutes > 6);
    }
}

async fn a_grant_goes_with_all_that_came_from_it(world: World) {
    let store = &world.store;
    let code = world.code().await;
    let (grant, refresh) = (grant_for(None), token("j"));
    let (id, hash, end) = (grant.id.clone(), refresh.hash, grant.expires_at);
    assert_eq!(store.make(Change::redemption(code, grant, Some(refresh), NOW)).await.unwrap(), Redemption::Granted);
    let policy = AttemptPolicy {
        free_attempts: 1,
        first_wait: Duration::SECOND,
        longest_wait: Duration::SECOND,
        forgotten_after: Duration::SECOND,
        cleared_by_success: true,
    };
    let _ = store.begin_attempt(vec![AttemptKey::new("account", "a", policy)], NOW).await.unwrap();

    assert_eq!(store.remove_expired(NOW + Duration::HOUR, 100).await.unwrap(), 1, "the counter alone");
    assert!(store.find_authorization_code(code).await.unwrap().is_some(), "a replay would still be noticed");
    assert!(store.find_refresh_token(hash).await.unwrap().is_some());
    store.remove_expired(end + Duration::days(2), 100).await.unwrap();
    assert_eq!(store.find_grant(&id).await.unwrap(), None);
    assert_eq!(store.find_authorization_code(code).await.unwrap(), None);
    assert_eq!(store.find_refresh_token(hash).await.unwrap(), None);
}

const TABLES: [&str; 7] = [
    "authorization_requests",
    "authorization_codes",
    "grants",
    "refresh_tokens",
    "sessions",
    "sign_in_counters",
    "proofs",
];

/// Everything that one person's sign-in leaves behind, and a machine's token, at one moment.
async fn somebody_comes_by(store: &Store, user: &UserId, now: OffsetDateTime) {
    let (later, lifetime) = (now + Duration::MINUTE, Duration::HOUR);
    let request = AuthorizationRequest {
        hash: OpaqueSecret::generate().hash(),
        browser_hash: SecretHash::of("b"),
        client_id: "c".into(),
        document: "{}".into(),
        consented: false,
        created_at: now,
        expires_at: later,
    };
    store.insert_authorization_request(request).await.unwrap();
    let session = Session {
        hash: OpaqueSecret::generate().hash(),
        sid: SessionId::generate(),
        user_id: user.clone(),
        auth_time: now,
        acr: None,
        amr: vec![],
        created_at: now,
        expires_at: now + lifetime,
        idle_expires_at: now + lifetime,
        address: None,
        user_agent: None,
    };
    store.insert_session(session, None).await.unwrap();
    let code = NewAuthorizationCode {
        hash: OpaqueSecret::generate().hash(),
        client_id: "demo-app".into(),
        redirect_uri: "http://localhost:9001/callback".into(),
        document: "{}".into(),
        created_at: now,
        expires_at: later,
    };
    let hash = code.hash;
    store.insert_authorization_code(code).await.unwrap();
    let at_now = |user| NewGrant { created_at: now, expires_at: now + lifetime, ..grant_for(user) };
    let mut refresh = token("j");
    (refresh.created_at, refresh.expires_at) = (now, now + lifetime);
    assert_eq!(
        store.make(Change::redemption(hash, at_now(Some(user)), Some(refresh), now)).await.unwrap(),
        Redemption::Granted
    );
    store.make(Change::new_grant(at_now(None))).await.unwrap();
    assert!(store.take_proof(OpaqueSecret::generate().hash(), later).await.unwrap());
    let policy = AttemptPolicy {
        free_attempts: 5,
        first_wait: Duration::SECOND,
        longest_wait: Duration::SECOND,
        forgotten_after: Duration::MINUTE,
        cleared_by_success: true,
    };
    let address = OpaqueSecret::generate();
    let _ = store.begin_attempt(vec![AttemptKey::new("address", address.expose(), policy)], now).await.unwrap();
}

/// Eight days, and on each of them the same load, while what is old is removed.
async fn tables_stay_bounded_however_long_the_load_goes_on(world: World) {
    const A_DAY: usize = 60;
    let user = world.user("alice").await.id;
    let rows = || TABLES.map(|table| world.count(table));
    let mut evenings = Vec::new();
    for day in 0..8 {
        let now = NOW + Duration::days(day);
        let load = (0..A_DAY).map(|_| {
            let (store, user) = (world.store.clone(), user.clone());
            tokio::spawn(async move { somebody_comes_by(&store, &user, now).await })
        });
        let load: Vec<_> = load.collect();
        world.store.clean_up(now).await.unwrap();
        for somebody in load {
            somebody.await.unwrap();
        }
        evenings.push(rows());
    }
    let first = i64::try_from(A_DAY).unwrap();
    assert!(evenings[0].iter().all(|rows| *rows >= first), "the load reaches every table: {:?}", evenings[0]);
    // What is remembered for a day is there until the next clean-up, and nothing of the days before.
    for (table, most) in TABLES.into_iter().zip([1, 3, 6, 3, 1, 1, 1]) {
        let last = world.count(table);
        assert!(last <= most * first, "{table} has {last} rows after {evenings:?}");
    }
    world.store.clean_up(NOW + Duration::days(30)).await.unwrap();
    assert_eq!(rows(), [0; 7]);
}
