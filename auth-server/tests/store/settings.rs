use auth_server::store::{DatabaseSettings, Store, StoreError};
use std::os::unix::fs::PermissionsExt as _;

use crate::world::World;

fn refusal(url: &str) -> String {
    match Store::open(&DatabaseSettings::at(url)) {
        Err(StoreError::Settings(why)) => why,
        other => panic!("{url}: {other:?}"),
    }
}

#[test]
fn a_url_of_no_known_kind_is_refused_without_showing_it() {
    for url in ["", "auth-server.sqlite", "mysql://root:hunter2@db/x", "postgres:hunter2", "SQLITE://x"] {
        let why = refusal(url);
        assert!(why.contains("sqlite://") && why.contains("postgres://") && !why.contains("hunter2"), "{why}");
    }
}

#[test]
fn a_database_in_memory_is_refused() {
    for url in ["sqlite::memory:", "sqlite://:memory:", "sqlite://", "sqlite:file.sqlite", "sqlite://x?mode=memory"] {
        assert!(refusal(url).contains("sqlite://relative/path"), "{url}");
    }
}

#[test]
fn a_sqlite_file_in_a_folder_that_is_not_there_is_named() {
    assert!(refusal("sqlite:///no/such/folder/x.sqlite").contains("/no/such/folder/x.sqlite"));
}

#[test]
fn a_password_of_a_database_is_not_told() {
    for url in ["postgres://u:hunter2@127.0.0.1:1/x", "postgres://u:hunter2%zz@127.0.0.1/x"] {
        let why = refusal(url);
        assert!(!why.contains("hunter2"), "{why}");
    }
    let settings = DatabaseSettings::at("postgres://u:hunter2@db/x");
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn a_pool_without_places_is_refused() {
    let settings = DatabaseSettings { pool_size: 0, ..DatabaseSettings::at("sqlite://x.sqlite") };
    assert!(matches!(Store::open(&settings), Err(StoreError::Settings(_))));
}

#[tokio::test]
async fn a_sqlite_file_is_readable_by_its_owner_only() {
    use secrecy::ExposeSecret as _;
    let world = World::on_sqlite().await;
    let path = world.settings.url.expose_secret().trim_start_matches("sqlite://").to_owned();
    for path in [path.clone(), format!("{path}-wal"), format!("{path}-shm")] {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path}");
    }
}

#[tokio::test]
async fn migrating_again_changes_nothing() {
    let world = World::on_sqlite().await;
    world.store.migrate().await.unwrap();
    world.store.ping().await.unwrap();
}
