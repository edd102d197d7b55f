//! Rows as years of use leave them, put straight into the tables of a server that does not run.

use anyhow::Result;
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use tokio::task::spawn_blocking;

use crate::bench::tell;
use crate::stack::{Stack, sqlite_in};

/// What there is to be more of.
#[derive(Clone, Copy, Debug)]
pub enum Rows {
    Users,
    /// All of the user whose tokens are exchanged, each with its place in a status list.
    Grants,
    Ledger,
}

/// So many in one transaction: a second at most, so that an interruption is heard.
const AT_ONCE: u64 = 100_000;

/// Whoever waits for millions hears how far it is.
const TOLD: u64 = 1_000_000;

/// For this connection alone, and its rows are thrown away: speed is all.
const PRAGMAS: &str = "PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; PRAGMA temp_store = MEMORY;";

impl Rows {
    pub fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Grants => "grants",
            Self::Ledger => "ledger rows",
        }
    }

    /// One for each `i`, which counts from 0 over all.
    fn insert(self) -> &'static str {
        match self {
            Self::Users => {
                "INSERT INTO users (id, username, username_key, blocked, profile, permissions, created_at, updated_at) \
                 SELECT printf('usr_more%012d', i), printf('more%d', i), printf('more%d', i), 0, '{}', '{}', now, now FROM n"
            }
            // Behind the first list, of which the server takes its own blocks.
            Self::Grants => {
                "INSERT INTO status_blocks (block, reserved_at) \
                 SELECT (131072 + i) / 1024, now FROM n WHERE i % 1024 = 0; \
                 WITH RECURSIVE {n} \
                 INSERT INTO grants (id, user_id, client_id, scope, audience, amr, userinfo_claims, created_at, expires_at, \
                 status_index) \
                 SELECT printf('grt_more%012d', i), (SELECT id FROM users WHERE username_key = 'alice'), 'demo-app', \
                 'read:reports', 'https://api-a.example', '[]', '{}', now, later, 131072 + i FROM n"
            }
            Self::Ledger => {
                "INSERT INTO ledger (chain, seq, at, kind, body, hash, grant_id, user_id) \
                 SELECT 'more', i, now, 'exchanged', \
                 printf('{\"jti\":\"%s\",\"client_id\":\"api-a\",\"audience\":\"https://api-b.example\",\
                 \"scope\":\"read:receipts\",\"actors\":[\"api-a\",\"demo-app\"],\"subject\":\"%s\"}', \
                 hex(randomblob(21)), hex(randomblob(21))), randomblob(32), \
                 printf('grt_more%012d', i / 10), printf('usr_more%012d', i % 1000) FROM n; \
                 INSERT OR REPLACE INTO ledger_heads (chain, seq, seen, hash) \
                 SELECT chain, seq, seq, hash FROM ledger WHERE chain = 'more' ORDER BY seq DESC LIMIT 1; \
                 WITH RECURSIVE {n}, \
                 owned AS (SELECT printf('grt_more%012d', i / 10) AS id, i FROM n \
                 UNION ALL SELECT printf('usr_more%012d', i % 1000), i FROM n) \
                 INSERT INTO ledger_places (found_by, chain, first, seqs) \
                 SELECT id, 'more', min(i), json_group_array(i ORDER BY i) FROM owned GROUP BY id, i / 50000; \
                 INSERT OR REPLACE INTO ledger_placed (chain, seq) \
                 SELECT chain, seq FROM ledger_heads WHERE chain = 'more'"
            }
        }
    }
}

/// As many as `wanted` more.
pub async fn with(stack: &Stack, rows: Rows, wanted: u64) -> Result<()> {
    let mut from = 0;
    while from < wanted {
        let to = wanted.min(from + AT_ONCE);
        let file = sqlite_in(stack.directory(), "auth-server");
        spawn_blocking(move || insert(file.trim_start_matches("sqlite://"), rows, from, to)).await??;
        if to.is_multiple_of(TOLD) {
            tell(&format!("  {to} of {wanted} are there"));
        }
        from = to;
    }
    Ok(())
}

fn insert(file: &str, rows: Rows, from: u64, to: u64) -> Result<()> {
    let mut connection = SqliteConnection::establish(file)?;
    connection.batch_execute(PRAGMAS)?;
    let times = "datetime('now') || '.000000' AS now, datetime('now', '+90 days') || '.000000' AS later";
    let last = to - 1;
    let numbers = format!(
        "c(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM c WHERE i < {last}), n AS (SELECT i, {times} FROM c)"
    );
    let insert = format!("WITH RECURSIVE {{n}} {}", rows.insert()).replace("{n}", &numbers);
    connection.transaction(|connection| connection.batch_execute(&insert))?;
    Ok(())
}
