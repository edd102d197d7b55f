//! The demo page and its app as a person uses them, in a real browser. Screenshots of every state lie in `target/screenshots`
//! afterwards, for a look.

mod accessibility;
mod app;
mod attacks;
mod chain;
mod failures;
mod form_post;
mod kit;
mod layout;
mod presenting;
mod privacy;
mod readme;
mod terminal;
mod tour;
