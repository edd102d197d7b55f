//! PostgreSQL: changes that come together are made by one statement, and each is what it would have been by itself.

use auth_server::store::{
    Change, GrantId, NewRefreshToken, OpaqueSecret, Redemption, Rotation, SecretHash, StoreError,
};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use secrecy::ExposeSecret as _;
use tokio::task::JoinHandle;

use crate::world::{NOW, World, grant_for, token};

/// Somebody else's transaction, which ends with this.
struct Holding(PgConnection);

impl Holding {
    fn begin(world: &World, statement: &str) -> Self {
        let mut connection = PgConnection::establish(world.settings.url.expose_secret()).unwrap();
        connection.batch_execute(&format!("BEGIN; {statement}")).unwrap();
        Self(connection)
    }

    /// As long as a table is held, whatever is wanted of it gathers behind the statements that are under way.
    fn table(world: &World, table: &str) -> Self {
        Self::begin(world, &format!("LOCK TABLE {table} IN EXCLUSIVE MODE"))
    }

    /// Waits until so many statements wait for a lock.
    async fn until_waited_for_by(&mut self, statements: i64) {
        let waiting = "SELECT count(*) AS count FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let all_wait = async {
            while count(&mut self.0, waiting) < statements {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(4), all_wait).await.unwrap();
    }

    /// Begins the two statements that there may be at a time, each for one: whoever comes now gathers behind them.
    async fn occupy<T>(&mut self, mut change: impl FnMut(usize) -> JoinHandle<T>) -> Vec<JoinHandle<T>> {
        let first = change(0);
        self.until_waited_for_by(1).await;
        let second = change(1);
        self.until_waited_for_by(2).await;
        vec![first, second]
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

fn rotates(world: &World, presented: SecretHash, successor: NewRefreshToken) -> JoinHandle<Rotation> {
    let (store, change) = (world.store.clone(), Change::rotation(presented, successor, NOW));
    tokio::spawn(async move { store.make(change).await.unwrap() })
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
    let Some(world) = World::on_postgres().await else { return };
    let good = first_tokens(&world, 20).await;
    let [(_, twice), (used_grant, used), (foreign_grant, foreign), (revoked_grant, revoked)] =
        <[_; 4]>::try_from(first_tokens(&world, 4).await).unwrap();
    let old = NewRefreshToken { expires_at: NOW, ..token("jti-old") };
    let expired = old.hash;
    assert!(world.store.insert_refresh_token(&good[0].0, old, NOW).await.unwrap());
    let second = token("jti-second");
    let second_hash = second.hash;
    assert_eq!(rotates(&world, used, second).await.unwrap(), Rotation::Rotated);
    assert_eq!(rotates(&world, second_hash, token("jti-third")).await.unwrap(), Rotation::Rotated);
    assert!(world.store.make(Change::revocation(&revoked_grant, "test", NOW)).await.unwrap());

    let mut held = Holding::table(&world, "refresh_tokens");
    let mut rotated = held.occupy(|number| rotates(&world, good[number].1, token("jti-good"))).await;
    rotated.extend(good[2..].iter().map(|(_, hash)| rotates(&world, *hash, token("jti-good"))));
    let both = [token("jti-twice"), token("jti-twice")].map(|successor| rotates(&world, twice, successor));
    let evil = NewRefreshToken { client_id: "evil".into(), ..token("jti-evil") };
    let others = vec![
        rotates(&world, used, token("jti-stolen")),
        rotates(&world, foreign, evil),
        rotates(&world, revoked, token("jti-late")),
        rotates(&world, expired, token("jti-late")),
        rotates(&world, OpaqueSecret::generate().hash(), token("jti-unknown")),
    ];
    tokio::task::yield_now().await;
    drop(held);

    assert!(outcomes(rotated).await.iter().all(|outcome| *outcome == Rotation::Rotated));
    let mut both = outcomes(both.into()).await;
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
    let Some(world) = World::on_postgres().await else { return };
    let tokens = first_tokens(&world, 10).await;
    let (held_grant, held_token) = tokens[0].clone();
    let held = Holding::begin(&world, &format!("SELECT * FROM grants WHERE id = '{held_grant}' FOR UPDATE"));
    let waits = rotates(&world, held_token, token("jti-waits"));
    let others = tokens[1..].iter().map(|(_, hash)| rotates(&world, *hash, token("jti-other"))).collect();
    assert!(outcomes(others).await.iter().all(|outcome| *outcome == Rotation::Rotated));
    assert!(!waits.is_finished());
    drop(held);
    assert_eq!(waits.await.unwrap(), Rotation::Rotated);
}

#[tokio::test(flavor = "multi_thread")]
async fn redemptions_that_come_together_are_made_together_and_one_that_fails_fails_alone() {
    let Some(world) = World::on_postgres().await else { return };
    let taken = world.first_token().await.1;
    let user = world.user("alice").await.id;
    let mut codes = Vec::new();
    for _ in 0..19 {
        codes.push(world.code().await);
    }
    let redeems = |code, refresh_token: Option<NewRefreshToken>| {
        let (store, user) = (world.store.clone(), user.clone());
        tokio::spawn(async move {
            let grant = grant_for(Some(&user));
            let grant_id = grant.id.clone();
            (grant_id, store.make(Change::redemption(code, grant, refresh_token, NOW)).await)
        })
    };
    let mut held = Holding::table(&world, "authorization_codes");
    let mut redeemed = held.occupy(|number| redeems(codes[number], Some(token("jti-good")))).await;
    redeemed.extend(codes[2..16].iter().map(|code| redeems(*code, Some(token("jti-good")))));
    redeemed.extend(codes[16..18].iter().map(|code| redeems(*code, None)));
    let replayed = [None, Some(token("jti-replayed"))].map(|token| redeems(codes[18], token));
    let unknown = redeems(OpaqueSecret::generate().hash(), None);
    tokio::task::yield_now().await;
    drop(held);

    for (grant_id, redemption) in outcomes(redeemed).await {
        assert_eq!(redemption.unwrap(), Redemption::Granted);
        assert!(world.store.find_grant(&grant_id).await.unwrap().is_some());
    }
    let [first, second] = <[_; 2]>::try_from(outcomes(replayed.into()).await).unwrap();
    let (granted, replay) = if matches!(first.1, Ok(Redemption::Granted)) { (first, second) } else { (second, first) };
    assert_eq!(granted.1.unwrap(), Redemption::Granted);
    assert_eq!(replay.1.unwrap(), Redemption::AlreadyRedeemed { grant_id: granted.0 });
    assert_eq!(unknown.await.unwrap().1.unwrap(), Redemption::Unknown);
    let transactions = transactions_of(&world, "refresh_tokens WHERE access_jti = 'jti-good'");
    assert!((3..10).contains(&transactions), "{transactions}");

    let more = [world.code().await, world.code().await, world.code().await, world.code().await];
    let mut held = Holding::table(&world, "authorization_codes");
    let mut begun = held.occupy(|number| redeems(more[number], None)).await;
    begun.push(redeems(more[2], Some(token("jti-fine"))));
    let fails = redeems(more[3], Some(NewRefreshToken { hash: taken, ..token("jti-clash") }));
    tokio::task::yield_now().await;
    drop(held);
    assert!(outcomes(begun).await.into_iter().all(|(_, made)| made.unwrap() == Redemption::Granted));
    assert!(matches!(fails.await.unwrap(), (_, Err(StoreError::Bug(_)))));
    assert_eq!(redeems(more[3], None).await.unwrap().1.unwrap(), Redemption::Granted, "the code was left alone");
}
