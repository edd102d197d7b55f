//! TLS by this server itself (rustls on AWS-LC, TLS 1.2 and 1.3; RFC 9325): the certificate that it shows, taken over
//! from its files whenever they change, and certificates for development.

mod development;
mod files;
mod live;

pub use development::{DevelopmentCa, DevelopmentCaError};
pub use files::{TlsError, TlsFiles};
pub use live::LiveCertificate;
