//! What a receipt is, and which ones are taken in.

use serde::{Deserialize, Serialize};
use time::{Date, Duration, OffsetDateTime};

const LONGEST_MERCHANT: usize = 80;
const MOST_CENTS: i64 = 100_000_000;
/// Whoever files a receipt may live in a time zone where it is tomorrow already.
const ZONES_AHEAD: Duration = Duration::hours(14);

time::serde::format_description!(iso_date, Date, "[year]-[month]-[day]");

/// A receipt as its user sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    pub id: String,
    pub merchant: String,
    pub amount_cents: i64,
    pub currency: String,
    #[serde(with = "iso_date")]
    pub purchased_on: Date,
    /// The client that filed it on behalf of the user.
    pub filed_by: String,
    #[serde(with = "time::serde::rfc3339")]
    pub filed_at: OffsetDateTime,
}

/// A receipt as it is sent in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    merchant: String,
    amount_cents: i64,
    currency: String,
    #[serde(with = "iso_date")]
    purchased_on: Date,
}

/// A receipt that has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReceipt {
    pub merchant: String,
    pub amount_cents: i64,
    pub currency: String,
    pub purchased_on: Date,
}

/// Why a receipt is not taken in: one sentence for each member that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct InvalidReceipt(Vec<&'static str>);

impl Submission {
    /// Checks every member, and names all that are wrong at once.
    pub fn check(self, now: OffsetDateTime) -> Result<NewReceipt, InvalidReceipt> {
        let merchant = self.merchant.trim().to_owned();
        let today_at_most = (now + ZONES_AHEAD).date();
        let rules = [
            (
                (1..=LONGEST_MERCHANT).contains(&merchant.chars().count()) && !merchant.chars().any(char::is_control),
                "merchant must have 1 to 80 characters and no control characters",
            ),
            ((1..=MOST_CENTS).contains(&self.amount_cents), "amount_cents must be a whole number from 1 to 100000000"),
            (
                self.currency.len() == 3 && self.currency.bytes().all(|byte| byte.is_ascii_uppercase()),
                "currency must be a code of three capital letters, such as EUR",
            ),
            (
                self.purchased_on.year() >= 2000 && self.purchased_on <= today_at_most,
                "purchased_on must be a day from 2000-01-01 to today",
            ),
        ];
        let wrong: Vec<_> = rules.iter().filter(|(holds, _)| !holds).map(|(_, rule)| *rule).collect();
        if !wrong.is_empty() {
            return Err(InvalidReceipt(wrong));
        }
        let Self { amount_cents, currency, purchased_on, .. } = self;
        Ok(NewReceipt { merchant, amount_cents, currency, purchased_on })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;
    use time::macros::datetime;

    fn check(changes: &serde_json::Value) -> Result<NewReceipt, String> {
        let mut receipt = json!({
            "merchant": " Café Kranz ", "amount_cents": 1250, "currency": "EUR", "purchased_on": "2026-11-20",
        });
        for (name, value) in changes.as_object().unwrap() {
            receipt[name] = value.clone();
        }
        let submission: Submission = serde_json::from_value(receipt).map_err(|error| error.to_string())?;
        submission.check(datetime!(2026-11-23 12:00 UTC)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_good_receipt_is_taken_in_without_the_spaces_around_the_merchant() {
        assert_eq!(check(&json!({})).unwrap().merchant, "Café Kranz");
        assert!(check(&json!({ "purchased_on": "2026-11-24" })).is_ok(), "in the far east it is tomorrow");
    }

    #[rstest]
    #[case::no_merchant(json!({ "merchant": "  " }), "merchant")]
    #[case::long_merchant(json!({ "merchant": "x".repeat(81) }), "merchant")]
    #[case::control_character(json!({ "merchant": "a\nb" }), "merchant")]
    #[case::nothing(json!({ "amount_cents": 0 }), "amount_cents")]
    #[case::less_than_nothing(json!({ "amount_cents": -5 }), "amount_cents")]
    #[case::too_much(json!({ "amount_cents": 100_000_001 }), "amount_cents")]
    #[case::fraction(json!({ "amount_cents": 1.5 }), "i64")]
    #[case::text(json!({ "amount_cents": "12" }), "i64")]
    #[case::lower_case(json!({ "currency": "eur" }), "currency")]
    #[case::long_currency(json!({ "currency": "EURO" }), "currency")]
    #[case::future(json!({ "purchased_on": "2026-11-25" }), "purchased_on")]
    #[case::long_ago(json!({ "purchased_on": "1999-12-31" }), "purchased_on")]
    #[case::no_such_day(json!({ "purchased_on": "2026-02-30" }), "day")]
    #[case::another_order(json!({ "purchased_on": "23.11.2026" }), "")]
    #[case::unknown_member(json!({ "sub": "usr_other" }), "sub")]
    fn a_bad_receipt_is_refused_by_the_name_of_what_is_wrong(#[case] changes: serde_json::Value, #[case] named: &str) {
        let error = check(&changes).unwrap_err();
        assert!(error.contains(named), "{error}");
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let error = check(&json!({ "amount_cents": 0, "currency": "" })).unwrap_err();
        assert!(error.contains("amount_cents") && error.contains("currency"), "{error}");
    }
}
