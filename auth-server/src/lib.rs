pub mod store;
pub mod users;
