pub mod pages;
pub mod protocol;
