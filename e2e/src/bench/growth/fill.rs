//! Rows as years of use leave them, put straight into the tables of a server that does not run, among those whose tokens are
//! exchanged.

use std::ops::Range;

use anyhow::Result;
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use tokio::task::spawn_blocking;

use crate::bench::people::PASSWORD_HASH;
use crate::bench::tell;
use crate::stack::{Stack, sqlite_in};

/// What there is to be more of.
#[derive(Clone, Copy, Debug)]
pub enum Rows {
    /// With the permission that exchanges for API B need, and everybody's password.
    Users,
    /// Of the users that have grants, each with its place in a status list, and between the grants before and those to come.
    Grants,
    /// Of the grants that are there, and of their users.
    Ledger,
}

/// So many in one transaction: a second at most, so that an interruption is heard.
const AT_ONCE: u64 = 100_000;

/// Whoever waits for millions hears how far it is.
const TOLD: u64 = 500_000;

/// For this connection alone, and its rows are thrown away: speed is all.
const PRAGMAS: &str = "PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; PRAGMA temp_store = MEMORY;";

/// The grants that are there, by number.
const SUBJECTS: &str = "CREATE TEMP TABLE subjects (n INTEGER PRIMARY KEY, grant_id TEXT, user_id TEXT); \
     INSERT INTO subjects SELECT row_number() OVER (ORDER BY id) - 1, id, user_id FROM grants WHERE user_id IS NOT NULL;";

/// The name of a user by number.
pub fn user(number: usize) -> String {
    format!("more{number}")
}

impl Rows {
    pub fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Grants => "other grants",
            Self::Ledger => "ledger rows",
        }
    }

    /// One for each `i` of `n`, which counts over all.
    fn insert(self) -> &'static str {
        match self {
            Self::Users => {
                "WITH RECURSIVE {n} \
                 INSERT INTO users (id, username, username_key, password_hash, blocked, profile, permissions, created_at, updated_at) \
                 SELECT printf('usr_more%012d', i), printf('more%d', i), printf('more%d', i), '{password}', 0, '{}', \
                 '{\"https://api-b.example\":\"read:receipts\"}', now, now FROM n"
            }
            // Behind the first list, of which the server takes its own blocks. Ids are in the order of their making.
            Self::Grants => {
                "WITH RECURSIVE {n} INSERT INTO status_blocks (block, reserved_at) \
                 SELECT (131072 + i) / 1024, now FROM n WHERE i % 1024 = 0; \
                 WITH RECURSIVE {n} \
                 INSERT INTO grants (id, user_id, client_id, scope, audience, amr, userinfo_claims, created_at, expires_at, \
                 status_index) \
                 SELECT (SELECT max(grant_id) FROM subjects) || printf('%012d', i), user_id, 'demo-app', \
                 'read:reports', 'https://api-a.example', '[]', '{}', now, later, 131072 + i \
                 FROM n JOIN subjects ON subjects.n = i % (SELECT count(*) FROM subjects)"
            }
            Self::Ledger => {
                "WITH RECURSIVE {n} INSERT INTO ledger (chain, seq, at, kind, body, hash, grant_id, user_id) \
                 SELECT 'more', i, now, 'exchanged', \
                 printf('{\"jti\":\"%s\",\"client_id\":\"api-a\",\"audience\":\"https://api-b.example\",\
                 \"scope\":\"read:receipts\",\"actors\":[\"api-a\",\"demo-app\"],\"subject\":\"%s\"}', \
                 hex(randomblob(21)), hex(randomblob(21))), randomblob(32), grant_id, user_id \
                 FROM n JOIN subjects ON subjects.n = i % (SELECT count(*) FROM subjects); \
                 INSERT OR REPLACE INTO ledger_heads (chain, seq, seen, hash) \
                 SELECT chain, seq, seq, hash FROM ledger WHERE chain = 'more' ORDER BY seq DESC LIMIT 1; \
                 WITH RECURSIVE {n}, \
                 owners AS (SELECT i, grant_id, user_id FROM n JOIN subjects ON subjects.n = i % (SELECT count(*) FROM subjects)), \
                 owned AS (SELECT grant_id AS id, i FROM owners UNION ALL SELECT user_id, i FROM owners), \
                 listed AS (SELECT id, i, (row_number() OVER (PARTITION BY id ORDER BY i) - 1) / 50 AS list FROM owned) \
                 INSERT INTO ledger_places (found_by, chain, first, seqs) \
                 SELECT id, 'more', min(i), json_group_array(i ORDER BY i) FROM listed GROUP BY id, list; \
                 INSERT OR REPLACE INTO ledger_placed (chain, seq) \
                 SELECT chain, seq FROM ledger_heads WHERE chain = 'more'"
            }
        }
    }
}

/// As many more as `numbers` has, which must go on from what was put in before.
pub async fn with(stack: &Stack, rows: Rows, numbers: Range<u64>) -> Result<()> {
    let mut from = numbers.start;
    while from < numbers.end {
        let to = numbers.end.min(from + AT_ONCE);
        let file = sqlite_in(stack.directory(), "auth-server");
        spawn_blocking(move || insert(file.trim_start_matches("sqlite://"), rows, from, to)).await??;
        if to.is_multiple_of(TOLD) {
            tell(&format!("  {to} of {} are there", numbers.end));
        }
        from = to;
    }
    Ok(())
}

fn insert(file: &str, rows: Rows, from: u64, to: u64) -> Result<()> {
    // Never a new file: the stack may have gone meanwhile, and its directory with it.
    let mut connection = SqliteConnection::establish(&format!("file:{file}?mode=rw"))?;
    connection.batch_execute(PRAGMAS)?;
    connection.batch_execute(SUBJECTS)?;
    let times = "datetime('now') || '.000000' AS now, datetime('now', '+90 days') || '.000000' AS later";
    let last = to - 1;
    let numbers = format!(
        "c(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM c WHERE i < {last}), n AS (SELECT i, {times} FROM c)"
    );
    let insert = rows.insert().replace("{n}", &numbers).replace("{password}", PASSWORD_HASH);
    connection.transaction(|connection| connection.batch_execute(&insert))?;
    Ok(())
}
