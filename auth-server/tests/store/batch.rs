//! PostgreSQL: changes that come together are made by one statement, and each is what it would have been by itself.

use std::task::Poll;
use std::time::Duration;

use auth_server::audit::{Event, Verified, verify};
use auth_server::store::{
    Change, DatabaseSettings, GrantId, NewRefreshToken, OpaqueSecret, Redemption, Rotation, SecretHash, Store,
    StoreError, Unavailability, UserId,
};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use secrecy::ExposeSecret as _;
use tokio::task::JoinHandle;

use crate::ledger::ledger;
use crate::world::{NOW, World, grant_for, token};

/// One in which statements may wait for long: what is held here is let go by the test.
pub async fn patient() -> Option<World> {
    let mut world = World::on_postgres().await?;
    let minute = Duration::from_mins(1);
    world.settings.statement_timeout = minute;
    world.settings.acquire_timeout = minute;
    world.store = Store::open(&world.settings).unwrap();
    Some(world)
}

/// Somebody else's transaction, which ends with this.
pub struct Holding(PgConnection);

impl Holding {
    pub fn begin(world: &World, statement: &str) -> Self {
        let mut connection = PgConnection::establish(world.settings.url.expose_secret()).unwrap();
        connection.batch_execute(&format!("BEGIN; {statement}")).unwrap();
        Self(connection)
    }

    /// As long as a table is held, whatever is wanted of it gathers behind the statements that are under way.
    fn table(world: &World, table: &str) -> Self {
        Self::begin(world, &format!("LOCK TABLE {table} IN EXCLUSIVE MODE"))
    }

    /// Waits until so many statements wait for a lock.
    pub async fn until_waited_for_by(&mut self, statements: i64) {
        let waiting = "SELECT count(*) AS count FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let all_wait = async {
            while count(&mut self.0, waiting) < statements {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(40), all_wait).await.unwrap();
    }

    /// Does this last, and it stays.
    pub fn commit(mut self, statement: &str) {
        self.0.batch_execute(&format!("{statement}; COMMIT")).unwrap();
    }

    /// Begins the two statements that there may be at a time, each for one: whoever comes now gathers behind them.
    async fn occupy<T>(&mut self, mut change: impl AsyncFnMut(usize) -> JoinHandle<T>) -> Vec<JoinHandle<T>> {
        let first = change(0).await;
        self.until_waited_for_by(1).await;
        let second = change(1).await;
        self.until_waited_for_by(2).await;
        vec![first, second]
    }
}

/// Goes on by itself, and waits for its change when this returns.
async fn begun<T: Send + 'static>(change: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    let mut change = Box::pin(change);
    match futures_util::poll!(&mut change) {
        Poll::Ready(made) => tokio::spawn(async { made }),
        Poll::Pending => tokio::spawn(change),
    }
}

fn count(connection: &mut PgConnection, query: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    diesel::sql_query(query).get_result::<Count>(connection).unwrap().count
}

/// In how many transactions the rows of a table were made.
fn transactions_of(world: &World, rows: &str) -> i64 {
    let mut connection = PgConnection::establish(world.settings.url.expose_secret()).unwrap();
    count(&mut connection, &format!("SELECT count(DISTINCT xmin::text) AS count FROM {rows}"))
}

async fn rotates(world: &World, presented: SecretHash, successor: NewRefreshToken) -> JoinHandle<Rotation> {
    let (store, change) = (world.store.clone(), Change::rotation(presented, successor, NOW));
    begun(async move { store.make(change).await.unwrap() }).await
}

/// All of them, by tokens with this `jti`.
async fn all_rotate(world: &World, presented: &[(GrantId, SecretHash)], jti: &str) -> Vec<JoinHandle<Rotation>> {
    let mut rotating = Vec::new();
    for (_, hash) in presented {
        rotating.push(rotates(world, *hash, token(jti)).await);
    }
    rotating
}

async fn redeems(
    world: &World,
    user: &UserId,
    code: SecretHash,
    refresh_token: Option<NewRefreshToken>,
) -> JoinHandle<(GrantId, Result<Redemption, StoreError>)> {
    let (store, grant) = (world.store.clone(), grant_for(Some(user)));
    let grant_id = grant.id.clone();
    let change = Change::redemption(code, grant, refresh_token, NOW);
    begun(async move { (grant_id, store.make(change).await) }).await
}

async fn codes(world: &World, count: usize) -> Vec<SecretHash> {
    let mut codes = Vec::new();
    for _ in 0..count {
        codes.push(world.code().await);
    }
    codes
}

async fn first_tokens(world: &World, count: usize) -> Vec<(GrantId, SecretHash)> {
    let mut tokens = Vec::new();
    for _ in 0..count {
        tokens.push(world.first_token().await);
    }
    tokens
}

async fn outcomes<T>(tasks: Vec<JoinHandle<T>>) -> Vec<T> {
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread")]
async fn rotations_that_come_together_are_made_together_and_each_by_its_own_rules() {
    let Some(world) = patient().await else { return };
    let good = first_tokens(&world, 20).await;
    let [(_, twice), (used_grant, used), (foreign_grant, foreign), (revoked_grant, revoked)] =
        <[_; 4]>::try_from(first_tokens(&world, 4).await).unwrap();
    let old = NewRefreshToken { expires_at: NOW, ..token("jti-old") };
    let expired = old.hash;
    assert!(world.store.insert_refresh_token(&good[0].0, old, NOW).await.unwrap());
    let second = token("jti-second");
    let second_hash = second.hash;
    assert_eq!(rotates(&world, used, second).await.await.unwrap(), Rotation::Rotated);
    assert_eq!(rotates(&world, second_hash, token("jti-third")).await.await.unwrap(), Rotation::Rotated);
    assert!(world.store.make(Change::revocation(&revoked_grant, "test", NOW)).await.unwrap());

    let mut held = Holding::table(&world, "refresh_tokens");
    let mut rotated = held.occupy(async |number| rotates(&world, good[number].1, token("jti-good")).await).await;
    rotated.extend(all_rotate(&world, &good[2..], "jti-good").await);
    let both = vec![rotates(&world, twice, token("jti-1")).await, rotates(&world, twice, token("jti-2")).await];
    let evil = NewRefreshToken { client_id: "evil".into(), ..token("jti-evil") };
    let others = vec![
        rotates(&world, used, token("jti-stolen")).await,
        rotates(&world, foreign, evil).await,
        rotates(&world, revoked, token("jti-late")).await,
        rotates(&world, expired, token("jti-late")).await,
        rotates(&world, OpaqueSecret::generate().hash(), token("jti-unknown")).await,
    ];
    drop(held);

    assert!(outcomes(rotated).await.iter().all(|outcome| *outcome == Rotation::Rotated));
    let mut both = outcomes(both).await;
    both.sort_by_key(|outcome| *outcome == Rotation::Replaced);
    assert_eq!(both, [Rotation::Rotated, Rotation::Replaced]);
    let expected = [
        Rotation::Reused { grant_id: used_grant },
        Rotation::OfAnotherClient { grant_id: foreign_grant },
        Rotation::GrantEnded { grant_id: revoked_grant },
        Rotation::Expired,
        Rotation::Unknown,
    ];
    assert_eq!(outcomes(others).await, expected);
    let transactions = transactions_of(&world, "refresh_tokens WHERE access_jti = 'jti-good'");
    assert!((3..10).contains(&transactions), "{transactions}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_somebody_holds_holds_up_its_own_rotation_alone() {
    let Some(world) = patient().await else { return };
    let tokens = first_tokens(&world, 10).await;
    let (held_grant, held_token) = tokens[0].clone();
    let held = Holding::begin(&world, &format!("SELECT * FROM grants WHERE id = '{held_grant}' FOR UPDATE"));
    let waits = rotates(&world, held_token, token("jti-waits")).await;
    let others = all_rotate(&world, &tokens[1..], "jti-other").await;
    assert!(outcomes(others).await.iter().all(|outcome| *outcome == Rotation::Rotated));
    assert!(!waits.is_finished());
    drop(held);
    assert_eq!(waits.await.unwrap(), Rotation::Rotated);
}

#[tokio::test(flavor = "multi_thread")]
async fn redemptions_that_come_together_are_made_together_and_a_replay_is_told() {
    let Some(world) = patient().await else { return };
    let user = world.user("alice").await.id;
    let codes = codes(&world, 19).await;
    let with = || Some(token("jti-good"));
    let mut held = Holding::table(&world, "authorization_codes");
    let mut redeemed = held.occupy(async |number| redeems(&world, &user, codes[number], with()).await).await;
    for code in &codes[2..16] {
        redeemed.push(redeems(&world, &user, *code, with()).await);
    }
    for code in &codes[16..18] {
        redeemed.push(redeems(&world, &user, *code, None).await);
    }
    let replayed = vec![redeems(&world, &user, codes[18], None).await, redeems(&world, &user, codes[18], with()).await];
    let unknown = redeems(&world, &user, OpaqueSecret::generate().hash(), None).await;
    drop(held);

    for (grant_id, redemption) in outcomes(redeemed).await {
        assert_eq!(redemption.unwrap(), Redemption::Granted);
        assert!(world.store.find_grant(&grant_id).await.unwrap().is_some());
    }
    let [(first, granted), (_, replay)] = <[_; 2]>::try_from(outcomes(replayed).await).unwrap();
    assert_eq!(granted.unwrap(), Redemption::Granted);
    assert_eq!(replay.unwrap(), Redemption::AlreadyRedeemed { grant_id: first });
    assert_eq!(unknown.await.unwrap().1.unwrap(), Redemption::Unknown);
    let transactions = transactions_of(&world, "refresh_tokens WHERE access_jti = 'jti-good'");
    assert!((3..10).contains(&transactions), "{transactions}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_redemptions_that_come_together_one_that_fails_fails_alone() {
    let Some(world) = patient().await else { return };
    let (taken, user) = (world.first_token().await.1, world.user("alice").await.id);
    let codes = codes(&world, 4).await;
    let mut held = Holding::table(&world, "authorization_codes");
    let mut redeemed = held.occupy(async |number| redeems(&world, &user, codes[number], None).await).await;
    redeemed.push(redeems(&world, &user, codes[2], Some(token("jti-fine"))).await);
    let clash = NewRefreshToken { hash: taken, ..token("jti-clash") };
    let fails = redeems(&world, &user, codes[3], Some(clash)).await;
    drop(held);
    assert!(outcomes(redeemed).await.into_iter().all(|(_, made)| made.unwrap() == Redemption::Granted));
    assert!(matches!(fails.await.unwrap(), (_, Err(StoreError::Bug(_)))));
    let again = redeems(&world, &user, codes[3], None).await;
    assert_eq!(again.await.unwrap().1.unwrap(), Redemption::Granted, "the code was left alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_whom_somebody_holds_holds_up_their_own_redemption_alone() {
    let Some(world) = patient().await else { return };
    let (alice, bob) = (world.user("alice").await.id, world.user("bob").await.id);
    let codes = codes(&world, 3).await;
    let held = Holding::begin(&world, "SELECT * FROM users WHERE username = 'alice' FOR UPDATE");
    let waits = redeems(&world, &alice, codes[0], None).await;
    let others = vec![redeems(&world, &bob, codes[1], None).await, redeems(&world, &bob, codes[2], None).await];
    assert!(outcomes(others).await.into_iter().all(|(_, made)| made.unwrap() == Redemption::Granted));
    assert!(!waits.is_finished());
    drop(held);
    assert_eq!(waits.await.unwrap().1.unwrap(), Redemption::Granted);
}

/// Whoever gave up is told so, and what they wanted does not happen behind their back.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_does_not_begin_in_time_never_does() {
    let Some(mut world) = patient().await else { return };
    let impatient = DatabaseSettings { queue_timeout: Duration::from_secs(1), ..world.settings.clone() };
    world.store = Store::open(&impatient).unwrap();
    let tokens = first_tokens(&world, 4).await;
    let mut held = Holding::table(&world, "refresh_tokens");
    let begun = held.occupy(async |number| rotates(&world, tokens[number].1, token("jti-begun")).await).await;
    let late = Change::rotation(tokens[2].1, token("jti-late"), NOW);
    let given_up = world.store.make(late).await.unwrap_err();
    assert!(matches!(given_up, StoreError::Unavailable { reason: Unavailability::Overloaded, .. }), "{given_up:?}");
    let gone = rotates(&world, tokens[3].1, token("jti-gone")).await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    drop(held);
    assert!(outcomes(begun).await.iter().all(|outcome| *outcome == Rotation::Rotated));
    for (_, hash) in &tokens[2..] {
        assert_eq!(world.store.find_refresh_token(*hash).await.unwrap().unwrap().used_at, None);
        assert_eq!(rotates(&world, *hash, token("jti-again")).await.await.unwrap(), Rotation::Rotated);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_that_was_made_together_has_its_row_also_where_nobody_waits_for_it() {
    let Some(world) = patient().await else { return };
    let ledger = ledger(&world.store).await;
    let tokens = first_tokens(&world, 12).await;
    let tells = |_: &Rotation| vec![Event::Restored { ended: 1 }.told()];
    let mut held = Holding::table(&world, "refresh_tokens");
    let mut rotating = Vec::new();
    for (place, (_, hash)) in tokens.iter().enumerate() {
        let (ledger, change) = (ledger.clone(), Change::rotation(*hash, token("jti-told"), NOW));
        rotating.push(begun(async move { ledger.record_change(change, tells).await.unwrap() }).await);
        if place < 2 {
            held.until_waited_for_by(i64::try_from(place).unwrap() + 1).await;
        }
    }
    // Of these two, the statements are under way.
    rotating.drain(..2).for_each(|begun| begun.abort());
    drop(held);
    assert!(outcomes(rotating).await.iter().all(|outcome| *outcome == Rotation::Rotated));
    while verify(&world.store, &[]).await.unwrap().rows < 13 {
        tokio::task::yield_now().await;
    }
    assert_eq!(verify(&world.store, &[]).await.unwrap(), Verified { chains: 1, rows: 13, archived: 0 });
}
