//! Places in the status lists: each server takes a block of them at a time, and what has ended is read by them.

use std::collections::BTreeSet;

use diesel::dsl::{exists, select};
use diesel::prelude::*;
use time::{Duration, OffsetDateTime};

use super::columns::stored;
use super::connection::{AnyConnection, on_backend};
use super::schema::{grants, status_blocks, users};
use super::{Store, StoreError, Unavailability};

/// How many indices a block has.
pub const BLOCK_SIZE: i64 = 1024;

/// How many indices a list has.
pub const LIST_SIZE: i64 = 128 * BLOCK_SIZE;

/// For how long a server may give out the indices of a block.
pub const BLOCK_AGE: Duration = Duration::DAY;

/// How often a block is tried for that another server takes at the same moment.
const TRIES: usize = 8;

impl Store {
    /// Takes a free block of the first list that has one. `chance` chooses among them, so that the order of blocks tells
    /// nothing of the order of grants.
    pub async fn reserve_status_block(&self, chance: u64, now: OffsetDateTime) -> Result<i64, StoreError> {
        for _ in 0..TRIES {
            if let Some(block) = self.write(move |connection| reserve(connection, chance, now)).await? {
                return Ok(block);
            }
        }
        Err(StoreError::unavailable(Unavailability::Locked, "other servers take every block of status indices"))
    }

    /// How many lists there are: at least one.
    pub async fn count_status_lists(&self) -> Result<i64, StoreError> {
        let last = self.read(|connection| {
            status_blocks::table.select(diesel::dsl::max(status_blocks::block)).first::<Option<i64>>(connection)
        });
        Ok(last.await?.map_or(1, |block| block * BLOCK_SIZE / LIST_SIZE + 1))
    }

    /// The indices of one list whose grants have ended before their time: revoked, or of a user who is blocked now.
    pub async fn ended_status_indices(&self, list: i64, now: OffsetDateTime) -> Result<Vec<i64>, StoreError> {
        let of_list = (list * LIST_SIZE, (list + 1) * LIST_SIZE);
        self.read(move |connection| {
            let blocked = users::table.filter(users::blocked.eq(true)).select(users::id.nullable());
            let live = grants::table
                .filter(grants::status_index.ge(of_list.0))
                .filter(grants::status_index.lt(of_list.1))
                .filter(grants::expires_at.gt(stored(now)));
            let ended =
                live.filter(grants::revoked_at.is_not_null().or(grants::user_id.eq_any(blocked).assume_not_null()));
            let indices: Vec<Option<i64>> = ended.select(grants::status_index).load(connection)?;
            Ok(indices.into_iter().flatten().collect())
        })
        .await
    }

    /// Gives back blocks that no server uses any more and no grant stands in; says how many.
    pub async fn free_status_blocks(&self, now: OffsetDateTime) -> Result<usize, StoreError> {
        let old = self.read(move |connection| {
            status_blocks::table
                .filter(status_blocks::reserved_at.lt(stored(now - 2 * BLOCK_AGE)))
                .select(status_blocks::block)
                .load::<i64>(connection)
        });
        let mut freed = 0;
        for block in old.await? {
            freed += self
                .write(move |connection| {
                    let within = grants::table
                        .filter(grants::status_index.ge(block * BLOCK_SIZE))
                        .filter(grants::status_index.lt((block + 1) * BLOCK_SIZE));
                    if select(exists(within)).get_result(connection)? {
                        return Ok(0);
                    }
                    diesel::delete(status_blocks::table.find(block)).execute(connection)
                })
                .await?;
        }
        Ok(freed)
    }
}

/// One try: `None` where another server took the block meanwhile.
fn reserve(connection: &mut AnyConnection, chance: u64, now: OffsetDateTime) -> QueryResult<Option<i64>> {
    let taken: BTreeSet<i64> =
        status_blocks::table.select(status_blocks::block).load(connection)?.into_iter().collect();
    let block = free_block(&taken, chance);
    let row = (status_blocks::block.eq(block), status_blocks::reserved_at.eq(stored(now)));
    let made = on_backend!(connection, c => {
        diesel::insert_into(status_blocks::table).values(row).on_conflict_do_nothing().execute(c)
    })?;
    Ok((made == 1).then_some(block))
}

/// By chance among the free blocks of the first list that has one.
fn free_block(taken: &BTreeSet<i64>, chance: u64) -> i64 {
    const IN_LIST: i64 = LIST_SIZE / BLOCK_SIZE;
    let mut list = 0;
    loop {
        let free: Vec<i64> = (list * IN_LIST..(list + 1) * IN_LIST).filter(|block| !taken.contains(block)).collect();
        let place = chance.checked_rem(free.len() as u64).and_then(|place| usize::try_from(place).ok());
        if let Some(block) = place.and_then(|place| free.get(place)) {
            return *block;
        }
        list += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_fill_one_after_the_other() {
        assert!((0..128).contains(&free_block(&BTreeSet::new(), u64::MAX)));
        let one_left: BTreeSet<i64> = (0..128).filter(|block| *block != 77).collect();
        assert_eq!(free_block(&one_left, 5), 77);
        assert!((128..256).contains(&free_block(&(0..128).collect(), 9)));
    }
}
