//! The table, as `migrations/` makes it.

diesel::table! {
    receipts (id) {
        id -> Text,
        sub -> Text,
        merchant -> Text,
        amount_cents -> BigInt,
        currency -> Text,
        purchased_on -> Date,
        filed_by -> Text,
        filed_at -> BigInt,
    }
}
