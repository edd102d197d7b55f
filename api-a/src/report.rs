//! The report: totals made from a user's receipts. Amounts of different currencies are never added up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::Date;

time::serde::format_description!(iso_date, Date, "[year]-[month]-[day]");

/// A receipt as the downstream API answers it. What else it says is passed on untouched elsewhere, and not looked at here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Receipt {
    pub id: String,
    pub merchant: String,
    pub amount_cents: i64,
    pub currency: String,
    #[serde(with = "iso_date")]
    pub purchased_on: Date,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filed_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filed_at: Option<String>,
}

/// The answer of `GET /api/report` and of `GET /api/archive`.
#[derive(Debug, Serialize)]
pub struct Report {
    /// How many receipts it is made of.
    pub receipts: usize,
    /// How many of this user's receipts were filed through this API, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filed_here: Option<i64>,
    pub totals: Vec<Total>,
    /// The latest month first.
    pub by_month: Vec<MonthTotal>,
    /// The dearest merchant first.
    pub by_merchant: Vec<MerchantTotal>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Total {
    pub currency: String,
    pub amount_cents: i64,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct MonthTotal {
    /// Such as `2026-11`.
    pub month: String,
    pub currency: String,
    pub amount_cents: i64,
    pub receipts: usize,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct MerchantTotal {
    pub merchant: String,
    pub currency: String,
    pub amount_cents: i64,
    pub receipts: usize,
}

impl Report {
    #[must_use]
    pub fn of(receipts: &[Receipt], filed_here: Option<i64>) -> Self {
        let totals = grouped(receipts, |_| String::new());
        let months = grouped(receipts, |receipt| receipt.purchased_on.to_string()[..7].to_owned());
        let merchants = grouped(receipts, |receipt| receipt.merchant.clone());
        let mut by_merchant: Vec<_> = merchants
            .into_iter()
            .map(|((merchant, currency), Sum { amount_cents, receipts })| MerchantTotal {
                merchant,
                currency,
                amount_cents,
                receipts,
            })
            .collect();
        by_merchant
            .sort_by(|one, other| other.amount_cents.cmp(&one.amount_cents).then(one.merchant.cmp(&other.merchant)));
        Self {
            receipts: receipts.len(),
            filed_here,
            totals: totals
                .into_iter()
                .map(|((_, currency), sum)| Total { currency, amount_cents: sum.amount_cents })
                .collect(),
            by_month: months
                .into_iter()
                .rev()
                .map(|((month, currency), Sum { amount_cents, receipts })| MonthTotal {
                    month,
                    currency,
                    amount_cents,
                    receipts,
                })
                .collect(),
            by_merchant,
        }
    }
}

#[derive(Default)]
struct Sum {
    amount_cents: i64,
    receipts: usize,
}

/// Sums by name and currency, in the names' order.
fn grouped(receipts: &[Receipt], name: impl Fn(&Receipt) -> String) -> BTreeMap<(String, String), Sum> {
    let mut sums = BTreeMap::<_, Sum>::new();
    for receipt in receipts {
        let sum = sums.entry((name(receipt), receipt.currency.clone())).or_default();
        sum.amount_cents = sum.amount_cents.saturating_add(receipt.amount_cents);
        sum.receipts += 1;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn receipts() -> Vec<Receipt> {
        let receipt = |merchant: &str, amount_cents: i64, currency: &str, purchased_on: &str| {
            serde_json::from_value(json!({
                "id": "rcp_1", "merchant": merchant, "amount_cents": amount_cents, "currency": currency,
                "purchased_on": purchased_on,
            }))
            .unwrap()
        };
        vec![
            receipt("Café", 300, "EUR", "2026-10-02"),
            receipt("Café", 450, "EUR", "2026-11-03"),
            receipt("Hotel", 9_000, "EUR", "2026-11-05"),
            receipt("Hotel", 8_000, "USD", "2026-11-06"),
        ]
    }

    #[test]
    fn currencies_are_never_added_up() {
        let report = Report::of(&receipts(), None);
        let total = |currency: &str, amount_cents| Total { currency: currency.to_owned(), amount_cents };
        assert_eq!(report.totals, [total("EUR", 9_750), total("USD", 8_000)]);
    }

    #[test]
    fn months_come_latest_first_and_merchants_dearest_first() {
        let report = Report::of(&receipts(), None);
        let months: Vec<_> =
            report.by_month.iter().map(|m| (m.month.as_str(), m.currency.as_str(), m.amount_cents)).collect();
        assert_eq!(months, [("2026-11", "USD", 8_000), ("2026-11", "EUR", 9_450), ("2026-10", "EUR", 300)]);
        let merchants: Vec<_> =
            report.by_merchant.iter().map(|m| (m.merchant.as_str(), m.amount_cents, m.receipts)).collect();
        assert_eq!(merchants, [("Hotel", 9_000, 1), ("Hotel", 8_000, 1), ("Café", 750, 2)]);
    }

    #[test]
    fn no_receipts_make_an_empty_report() {
        let report = Report::of(&[], None);
        assert!(report.receipts == 0 && report.totals.is_empty() && report.by_month.is_empty());
    }
}
