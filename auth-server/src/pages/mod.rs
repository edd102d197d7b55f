//! What a person sees: sign-in, consent, sign-out, errors, and the page that posts an answer to an app.
//!
//! Each page is a plain struct and an askama template in `templates/`, which escapes every value. The handlers in
//! `endpoints` fill it, [`Page::render`] it and send it with its [`headers`]. No page needs JavaScript, none has
//! inline script or style, and none shows anything that the person or their app did not already know.

pub mod account;
pub mod assets;
pub mod consent;
pub mod error;
pub mod form_post;
pub mod guide;
pub mod headers;
pub mod index;
pub mod login;
pub mod logout;
pub mod site;

#[cfg(test)]
mod tests;

pub use askama::Template as Page;

pub use account::{AccountPage, AppAccess, Moment, PairingAccess, SessionLine};
pub use assets::{Asset, asset};
pub use consent::{ConsentGroup, ConsentPage, ScopeLine};
pub use error::ErrorPage;
pub use form_post::FormPostPage;
pub use guide::GuidePage;
pub use index::IndexPage;
pub use login::{LoginPage, SignInProblem};
pub use logout::{LogoutPage, SignedOutPage};
pub use site::Site;
