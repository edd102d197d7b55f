//! A few receipts for a user who has none, so that the demo has something to show. The same user always gets the same ones,
//! another user gets others; and those of earlier years are not this year's.

use time::{Date, Duration};

use crate::receipt::NewReceipt;

/// Merchants, and the usual amounts in cents from which to which.
const MERCHANTS: [(&str, i64, i64); 10] = [
    ("Blue Bottle Coffee", 320, 980),
    ("City Transit", 240, 880),
    ("Green Grocer", 1_450, 7_900),
    ("Hotel Adler", 8_900, 24_500),
    ("Northern Rail", 1_990, 12_900),
    ("Office Depot", 790, 15_900),
    ("Paper & Pen", 250, 2_400),
    ("Ristorante Da Enzo", 1_800, 8_600),
    ("Taxi Central", 900, 4_800),
    ("The Corner Bakery", 180, 1_250),
];
const COUNT: i64 = 9;
const DAYS_APART: u64 = 12;

/// The receipts for `sub`, bought in the months before the day that is so many years before `today`.
pub(crate) fn for_user(sub: &str, today: Date, years_ago: u16) -> Vec<NewReceipt> {
    let mut dice = Dice::of(sub, years_ago);
    let end = today - Duration::days(365 * i64::from(years_ago));
    let receipt = |number: i64| {
        let (merchant, least, most) = MERCHANTS[usize::try_from(dice.roll(MERCHANTS.len() as u64)).unwrap_or_default()];
        let spread = u64::try_from(most - least).unwrap_or_default();
        let amount_cents = least + i64::try_from(dice.roll(spread)).unwrap_or_default();
        let days_ago = number * 11 + i64::try_from(dice.roll(DAYS_APART)).unwrap_or_default();
        NewReceipt {
            merchant: merchant.to_owned(),
            amount_cents,
            currency: "EUR".to_owned(),
            purchased_on: end - Duration::days(days_ago),
        }
    };
    (0..COUNT).map(receipt).collect()
}

/// Numbers that depend on nothing but the user and the year (FNV-1a, then splitmix64): no secret is made of them.
struct Dice(u64);

impl Dice {
    fn of(sub: &str, years_ago: u16) -> Self {
        let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(sub.bytes().fold(0xcbf2_9ce4_8422_2325 ^ u64::from(years_ago), hash))
    }

    /// A number below `sides`.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::date;

    const TODAY: Date = date!(2026 - 11 - 23);

    #[test]
    fn the_same_user_gets_the_same_receipts_and_another_gets_others() {
        assert_eq!(for_user("usr_1", TODAY, 0), for_user("usr_1", TODAY, 0));
        assert_ne!(for_user("usr_1", TODAY, 0), for_user("usr_2", TODAY, 0));
    }

    #[test]
    fn those_of_earlier_years_are_others_and_older() {
        let (now, then) = (for_user("usr_1", TODAY, 0), for_user("usr_1", TODAY, 2));
        let merchants = |receipts: &[NewReceipt]| receipts.iter().map(|r| r.merchant.clone()).collect::<Vec<_>>();
        assert_ne!(merchants(&now), merchants(&then));
        assert!(then.iter().all(|receipt| receipt.purchased_on <= TODAY - Duration::days(730)), "{then:?}");
    }

    #[test]
    fn they_are_what_could_have_been_bought_lately() {
        for receipt in for_user("usr_1", TODAY, 0) {
            assert!(receipt.amount_cents > 0 && receipt.purchased_on <= TODAY, "{receipt:?}");
            assert!(receipt.purchased_on > TODAY - Duration::days(120), "{receipt:?}");
        }
    }
}
