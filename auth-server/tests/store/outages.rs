//! The database locked, full, slow, frozen or gone: a clear failure in bounded time, and recovery by itself.

use std::time::{Duration, Instant};

use auth_server::store::{
    Change, DatabaseSettings, OpaqueSecret, Redemption, Rotation, Store, StoreError, Unavailability,
};
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection, SqliteConnection};
use secrecy::ExposeSecret as _;

use crate::postgres::{self, Cluster};
use crate::world::{NOW, World, grant_for, new_user, on_both, token};

on_both!(a_caller_who_goes_away_keeps_no_place, a_failed_call_leaves_nothing_half_done);

fn reason(error: StoreError) -> Unavailability {
    match error {
        StoreError::Unavailable { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

async fn a_caller_who_goes_away_keeps_no_place(world: World) {
    for _ in 0..100 {
        let store = world.store.clone();
        tokio::spawn(async move { store.put_user(new_user("alice"), NOW).await }).abort();
    }
    world.store.put_user(new_user("alice"), NOW).await.unwrap();
    world.store.ping().await.unwrap();
}

async fn a_failed_call_leaves_nothing_half_done(world: World) {
    let (_, first) = world.first_token().await;
    let clash = auth_server::store::NewRefreshToken { hash: first, ..token("j") };
    assert!(matches!(world.store.make(Change::rotation(first, clash, NOW)).await, Err(StoreError::Bug(_))));
    assert_eq!(world.store.find_refresh_token(first).await.unwrap().unwrap().used_at, None);
    assert_eq!(world.store.make(Change::rotation(first, token("j"), NOW)).await.unwrap(), Rotation::Rotated);
}

fn path_of(world: &World) -> String {
    world.settings.url.expose_secret().trim_start_matches("sqlite://").to_owned()
}

#[tokio::test]
async fn a_locked_sqlite_file_is_told_in_a_second_and_works_once_unlocked() {
    let world = World::on_sqlite().await;
    let code = world.code().await;
    let mut other = SqliteConnection::establish(&path_of(&world)).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();

    let begun = Instant::now();
    let error = world.store.make(Change::redemption(code, grant_for(None), None, NOW)).await.unwrap_err();
    assert_eq!(reason(error), Unavailability::Locked);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(world.store.ping().await.is_err(), "not ready");
    assert!(world.store.find_authorization_code(code).await.unwrap().is_some(), "reading goes on");

    other.batch_execute("ROLLBACK").unwrap();
    assert_eq!(
        world.store.make(Change::redemption(code, grant_for(None), None, NOW)).await.unwrap(),
        Redemption::Granted
    );
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.sqlite");
    std::fs::write(&path, "no database at all, but long enough to be looked at".repeat(100)).unwrap();
    let error = Store::open(&DatabaseSettings::at(format!("sqlite://{}", path.display()))).unwrap_err();
    assert!(error.to_string().contains("is not a database"), "{error}");
}

/// A file system of one megabyte; needs root and the right to mount.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mount = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "deputy-test"])
            .arg(folder.path())
            .output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        eprintln!("SKIPPED disk full: no right to mount a small file system");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_works_once_there_is_room() {
    let Some(disk) = SmallDisk::mount() else { return };
    let path = disk.0.path().join("x.sqlite");
    let world = World::at(DatabaseSettings::at(format!("sqlite://{}", path.display())), None).await;
    let ballast = disk.0.path().join("ballast");
    let _ = std::fs::write(&ballast, vec![0; 2 << 20]);

    let mut full = None;
    for _ in 0..200 {
        let hash = OpaqueSecret::generate().hash();
        let code = auth_server::store::NewAuthorizationCode {
            hash,
            client_id: "c".into(),
            redirect_uri: "u".into(),
            document: "d".repeat(20_000),
            created_at: NOW,
            expires_at: NOW,
        };
        match world.store.insert_authorization_code(code).await {
            Ok(()) => assert!(world.store.find_authorization_code(hash).await.unwrap().is_some()),
            Err(error) => {
                full = Some(reason(error));
                break;
            }
        }
    }
    assert_eq!(full, Some(Unavailability::DiskFull));
    std::fs::remove_file(ballast).unwrap();
    world.user("alice").await;
    world.store.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_goes_away_is_told_at_once_and_found_again_in_two_seconds() {
    if postgres::skipped() {
        return;
    }
    let cluster = Cluster::start().unwrap();
    let world = World::at(DatabaseSettings::at(cluster.create_database()), None).await;
    let alice = world.user("alice").await;
    // Several connections, so that all of them have to be found broken.
    let warm: Vec<_> = (0..50).map(|_| find(&world.store, &alice)).collect();
    for call in warm {
        call.await.unwrap().unwrap();
    }

    cluster.stop().unwrap();
    let begun = Instant::now();
    let calls: Vec<_> = (0..200).map(|_| find(&world.store, &alice)).collect();
    for call in calls {
        assert!(call.await.unwrap().unwrap_err().is_unavailable());
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "200 refusals took {:?}", begun.elapsed());
    let begun = Instant::now();
    assert_eq!(reason(find(&world.store, &alice).await.unwrap().unwrap_err()), Unavailability::Disconnected);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(world.store.ping().await.is_err());

    cluster.resume().unwrap();
    let begun = Instant::now();
    while find(&world.store, &alice).await.unwrap().is_err() {
        assert!(begun.elapsed() < Duration::from_secs(2), "still away");
    }
    // From now on no call meets a broken connection.
    let calls: Vec<_> = (0..100).map(|_| find(&world.store, &alice)).collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

type Found = tokio::task::JoinHandle<Result<Option<auth_server::store::User>, StoreError>>;

fn find(store: &Store, user: &auth_server::store::User) -> Found {
    let (store, id) = (store.clone(), user.id.clone());
    tokio::spawn(async move { store.find_user(&id).await })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_restarts_between_two_calls_is_not_noticed() {
    if postgres::skipped() {
        return;
    }
    let cluster = Cluster::start().unwrap();
    let world = World::at(DatabaseSettings::at(cluster.create_database()), None).await;
    let alice = world.user("alice").await;
    cluster.stop().unwrap();
    cluster.resume().unwrap();
    assert_eq!(world.store.find_user(&alice.id).await.unwrap(), Some(alice));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_postgres_makes_nobody_wait_without_a_bound() {
    if postgres::skipped() {
        return;
    }
    let cluster = Cluster::start().unwrap();
    let settings = DatabaseSettings {
        pool_size: 2,
        queue_timeout: Duration::from_millis(300),
        acquire_timeout: Duration::from_millis(300),
        statement_timeout: Duration::from_millis(300),
        ..DatabaseSettings::at(cluster.create_database())
    };
    let world = World::at(settings, None).await;
    let alice = world.user("alice").await;
    let frozen = cluster.freeze().unwrap();
    let begun = Instant::now();
    let calls: Vec<_> = (0..20).map(|_| find(&world.store, &alice)).collect();
    for call in calls {
        assert!(call.await.unwrap().unwrap_err().is_unavailable());
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    drop(frozen);
    let begun = Instant::now();
    while find(&world.store, &alice).await.unwrap().is_err() {
        assert!(begun.elapsed() < Duration::from_secs(5), "still frozen");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_somebody_holds_makes_nobody_wait_without_a_bound() {
    let Some(cluster) = postgres::shared() else { return };
    let settings = DatabaseSettings {
        statement_timeout: Duration::from_millis(300),
        pool_size: 1,
        queue_timeout: Duration::from_millis(100),
        ..DatabaseSettings::at(cluster.create_database())
    };
    let world = World::at(settings, None).await;
    let grant = world.grant(None).await;
    let mut other = PgConnection::establish(world.settings.url.expose_secret()).unwrap();
    other.batch_execute("BEGIN; SELECT * FROM grants FOR UPDATE").unwrap();

    let (first, second) = tokio::join!(
        world.store.make(Change::revocation(&grant, "x", NOW)),
        world.store.make(Change::revocation(&grant, "x", NOW))
    );
    let mut reasons = [reason(first.unwrap_err()), reason(second.unwrap_err())].map(Unavailability::name);
    reasons.sort_unstable();
    assert!(matches!(reasons, ["locked" | "overloaded", "overloaded" | "too_slow"]), "{reasons:?}");

    other.batch_execute("ROLLBACK").unwrap();
    assert!(world.store.make(Change::revocation(&grant, "x", NOW)).await.unwrap());
}
