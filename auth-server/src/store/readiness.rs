//! Whether the database works: a real write of one row, at most once a second however often it is asked.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use tokio::sync::Mutex;

use super::schema::versions;
use super::{Store, StoreError};

/// How long one answer stands. A flood of probes must not become a flood of disk syncs.
const STANDS_FOR: Duration = Duration::from_secs(1);

/// The last answer; whoever asks while the next one is being found waits for that.
#[derive(Default)]
pub(super) struct Readiness(Mutex<Option<(Instant, Result<(), String>)>>);

impl Store {
    /// Whether the store can be read and written now: a locked, full, read-only or absent database is not ready.
    pub async fn ping(&self) -> Result<(), String> {
        let mut last = self.0.readiness.0.lock().await;
        match &*last {
            Some((at, answer)) if at.elapsed() < STANDS_FOR => answer.clone(),
            _ => {
                let answer = self.write_a_row().await.map_err(|error| error.to_string());
                *last = Some((Instant::now(), answer.clone()));
                answer
            }
        }
    }

    async fn write_a_row(&self) -> Result<(), StoreError> {
        let rows = self
            .write(|connection| {
                diesel::update(versions::table.find("readiness"))
                    .set(versions::version.eq(versions::version + 1))
                    .execute(connection)
            })
            .await?;
        if rows == 1 { Ok(()) } else { Err(StoreError::Corrupt("the tables lack their first rows".into())) }
    }
}
