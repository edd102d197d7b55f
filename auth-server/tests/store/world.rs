//! A fresh database with the tables in it, and the records that tests need.

use auth_server::store::{
    Change, DatabaseSettings, Durability, GrantId, NewAuthorizationCode, NewGrant, NewRefreshToken, NewUser,
    OpaqueSecret, RefreshToken, SecretHash, Store, User, UserId,
};
use secrecy::ExposeSecret as _;
use shared_claims::Scope;
use tempfile::TempDir;
use time::{Duration, OffsetDateTime, macros::datetime};

use super::postgres;

pub const NOW: OffsetDateTime = datetime!(2026-11-23 12:00:00.123456 UTC);

/// Runs each named promise on both databases.
macro_rules! on_both {
    ($($promise:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                super::$promise(crate::world::World::on_sqlite().await).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                if let Some(world) = crate::world::World::on_postgres().await {
                    super::$promise(world).await;
                }
            })+
        }
    };
}
pub(crate) use on_both;

/// Two hundred at once may take a while on a busy machine: these tests are about outcomes, not about time.
fn patient(url: String) -> DatabaseSettings {
    DatabaseSettings { queue_timeout: std::time::Duration::from_mins(1), ..DatabaseSettings::at(url) }
}

pub struct World {
    pub store: Store,
    pub settings: DatabaseSettings,
    /// Removed with the world.
    _folder: Option<TempDir>,
}

impl World {
    pub async fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.sqlite").display());
        // Nothing here outlives a power loss, and a disk under other tests syncs slowly.
        let settings = DatabaseSettings { durability: Durability::ProcessCrash, ..patient(url) };
        Self::at(settings, Some(folder)).await
    }

    pub async fn on_postgres() -> Option<Self> {
        Some(Self::at(patient(postgres::shared()?.create_database()), None).await)
    }

    pub async fn at(settings: DatabaseSettings, folder: Option<TempDir>) -> Self {
        let store = Store::open(&settings).unwrap();
        store.migrate().await.unwrap();
        Self { store, settings, _folder: folder }
    }

    /// Two servers on one database; SQLite is for one server alone.
    pub fn replicas(&self) -> [Store; 2] {
        let on_sqlite = self.settings.url.expose_secret().starts_with("sqlite");
        [self.store.clone(), if on_sqlite { self.store.clone() } else { self.another_replica() }]
    }

    /// The same database as another replica sees it.
    pub fn another_replica(&self) -> Store {
        Store::open(&self.settings).unwrap()
    }

    /// Changes the database from outside, as somebody with its file could.
    pub fn execute(&self, sql: &str) {
        use diesel::connection::SimpleConnection as _;
        let path = self.settings.url.expose_secret().strip_prefix("sqlite://").unwrap().to_owned();
        let mut connection = <diesel::SqliteConnection as diesel::Connection>::establish(&path).unwrap();
        connection.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
        connection.batch_execute(sql).unwrap();
    }

    /// How many pages SQLite's write-ahead log has.
    pub fn log_pages(&self) -> i32 {
        use diesel::prelude::*;
        #[derive(QueryableByName)]
        struct Log {
            #[diesel(sql_type = diesel::sql_types::Integer, column_name = "log")]
            pages: i32,
        }
        let path = self.settings.url.expose_secret().strip_prefix("sqlite://").unwrap();
        let mut connection = diesel::SqliteConnection::establish(path).unwrap();
        diesel::sql_query("PRAGMA wal_checkpoint(NOOP)").get_result::<Log>(&mut connection).unwrap().pages
    }

    /// PostgreSQL: what each connection to this database was last asked.
    pub fn last_statements(&self) -> Vec<String> {
        use diesel::prelude::*;
        #[derive(QueryableByName)]
        struct Asked {
            #[diesel(sql_type = diesel::sql_types::Text)]
            query: String,
        }
        let mut connection = diesel::PgConnection::establish(self.settings.url.expose_secret()).unwrap();
        let others =
            "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let all: Vec<Asked> = diesel::sql_query(others).load(&mut connection).unwrap();
        all.into_iter().map(|asked| asked.query).collect()
    }

    /// PostgreSQL: a setting of the database, for connections to come.
    pub fn set_for_database(&self, setting: &str) {
        use diesel::connection::{Connection as _, SimpleConnection as _};
        let url = self.settings.url.expose_secret();
        let mut connection = diesel::PgConnection::establish(url).unwrap();
        let name = url.rsplit('/').next().unwrap().split('?').next().unwrap();
        connection.batch_execute(&format!("ALTER DATABASE \"{name}\" SET {setting}")).unwrap();
    }

    /// How many rows a table has.
    pub fn count(&self, table: &str) -> i64 {
        use diesel::prelude::*;
        #[derive(QueryableByName)]
        struct Count {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            rows: i64,
        }
        let query = diesel::sql_query(format!("SELECT count(*) AS rows FROM {table}"));
        let url = self.settings.url.expose_secret();
        match url.strip_prefix("sqlite://") {
            Some(path) => {
                query.get_result::<Count>(&mut diesel::SqliteConnection::establish(path).unwrap()).unwrap().rows
            }
            None => query.get_result::<Count>(&mut diesel::PgConnection::establish(url).unwrap()).unwrap().rows,
        }
    }

    pub async fn user(&self, username: &str) -> User {
        self.store.put_user(new_user(username), NOW).await.unwrap()
    }

    pub async fn code(&self) -> SecretHash {
        let hash = OpaqueSecret::generate().hash();
        let code = NewAuthorizationCode {
            hash,
            client_id: "demo-app".into(),
            redirect_uri: "http://localhost:9001/callback".into(),
            document: r#"{"nonce":"n"}"#.into(),
            created_at: NOW,
            expires_at: NOW + Duration::MINUTE,
        };
        self.store.insert_authorization_code(code).await.unwrap();
        hash
    }

    pub async fn grant(&self, user: Option<&UserId>) -> GrantId {
        let grant = grant_for(user);
        let id = grant.id.clone();
        self.store.make(Change::new_grant(grant)).await.unwrap();
        id
    }

    /// A family's first token in a grant of its own.
    pub async fn first_token(&self) -> (GrantId, SecretHash) {
        let grant_id = self.grant(None).await;
        let token = token("jti-0");
        let hash = token.hash;
        assert!(self.store.insert_refresh_token(&grant_id, token, NOW).await.unwrap());
        (grant_id, hash)
    }
}

/// One with everything that a grant can have.
pub fn whole_grant_for(user: &UserId) -> NewGrant {
    NewGrant {
        sid: Some("ses_1".into()),
        status_index: Some(7),
        created_at: NOW - Duration::MINUTE,
        auth_time: Some(NOW - Duration::HOUR),
        ..grant_for(Some(user))
    }
}

/// The same of a refresh token.
pub fn whole_token(access_jti: &str) -> NewRefreshToken {
    NewRefreshToken {
        api: Some("https://api-b.example".into()),
        document: r#"{"jkt":"x"}"#.into(),
        created_at: NOW - Duration::SECOND,
        ..token(access_jti)
    }
}

/// Whether what is kept is what was handed out, column by column.
pub fn assert_kept(kept: &RefreshToken, handed_out: &NewRefreshToken) {
    let NewRefreshToken { hash, client_id, api, scope, document, access_jti, created_at, expires_at } = handed_out;
    assert_eq!((&kept.hash, &kept.client_id, &kept.api, &kept.scope), (hash, client_id, api, scope));
    assert_eq!((&kept.document, &kept.access_jti), (document, access_jti));
    assert_eq!((&kept.created_at, &kept.expires_at), (created_at, expires_at));
    assert_eq!((kept.used_at, kept.access_used_at, kept.superseded_at), (None, None, None));
}

pub fn scope(text: &str) -> Scope {
    text.parse().unwrap()
}

pub fn new_user(username: &str) -> NewUser {
    NewUser {
        username: username.into(),
        password_hash: None,
        blocked: None,
        profile: auth_server::store::Profile { name: Some(format!("{username} Example")), ..Default::default() },
        permissions: [("https://api-b.example".to_owned(), scope("read:receipts"))].into(),
    }
}

pub fn grant_for(user: Option<&UserId>) -> NewGrant {
    NewGrant {
        id: GrantId::generate(),
        user_id: user.cloned(),
        client_id: "demo-app".into(),
        sid: None,
        scope: scope("openid read:reports"),
        audience: Some("https://api-a.example".into()),
        auth_time: Some(NOW),
        acr: Some("urn:example:pwd".into()),
        amr: vec!["pwd".into()],
        userinfo_claims: vec!["email".into()],
        created_at: NOW,
        expires_at: NOW + Duration::days(30),
        status_index: None,
    }
}

/// A refresh token whose access token has this `jti`.
pub fn token(access_jti: &str) -> NewRefreshToken {
    NewRefreshToken {
        hash: OpaqueSecret::generate().hash(),
        client_id: "demo-app".into(),
        api: None,
        scope: scope("openid read:reports"),
        document: "{}".into(),
        access_jti: Some(access_jti.into()),
        created_at: NOW,
        expires_at: NOW + Duration::days(14),
    }
}
