//! The table, as `migrations/` makes it.

diesel::table! {
    filings (receipt_id) {
        receipt_id -> Text,
        sub -> Text,
        client_id -> Text,
        filed_at -> BigInt,
    }
}
