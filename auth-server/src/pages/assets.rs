//! The stylesheet, the icon and the one script, embedded in the binary.
//!
//! A page links to `/assets/{hash}/{name}`, so a browser may keep a file for good and still sees every change.

use std::borrow::Cow;
use std::fmt::Write;

use rust_embed::{Embed, EmbeddedFile};

#[derive(Embed)]
#[folder = "assets/"]
struct Files;

const FOR_GOOD: &str = "public, max-age=31536000, immutable";
const FOR_FIVE_MINUTES: &str = "public, max-age=300";

/// One embedded file, ready for HTTP.
pub struct Asset {
    pub bytes: Cow<'static, [u8]>,
    pub content_type: String,
    /// With its quotation marks.
    pub etag: String,
    pub cache_control: &'static str,
}

impl Asset {
    /// Whether a browser that sends this `If-None-Match` has the file already (RFC 9110 section 13.1.2): answer 304.
    #[must_use]
    pub fn is_known_by(&self, if_none_match: &str) -> bool {
        if_none_match.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == self.etag)
    }

    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        vec![
            ("Content-Type", self.content_type.clone()),
            ("ETag", self.etag.clone()),
            ("Cache-Control", self.cache_control.to_owned()),
            ("X-Content-Type-Options", "nosniff".to_owned()),
            ("Cross-Origin-Resource-Policy", "same-origin".to_owned()),
        ]
    }
}

/// The file of that path below `/assets/`: `{hash}/{name}`, or just `{name}`. A hash of another build gets the file
/// as it is now, but not for good: during a roll-out, pages and files may come from different replicas.
#[must_use]
pub fn asset(path: &str) -> Option<Asset> {
    let (asked_hash, name) = path.split_once('/').map_or((None, path), |(hash, name)| (Some(hash), name));
    let file = Files::get(name)?;
    let hash = hash(&file);
    let cache_control = if asked_hash == Some(hash.as_str()) { FOR_GOOD } else { FOR_FIVE_MINUTES };
    Some(Asset {
        content_type: format!("{}; charset=utf-8", file.metadata.mimetype()),
        etag: format!("\"{hash}\""),
        cache_control,
        bytes: file.data,
    })
}

/// The path under which pages link to a file.
pub(super) fn versioned_path(name: &str) -> String {
    match Files::get(name) {
        Some(file) => format!("/assets/{}/{name}", hash(&file)),
        None => format!("/assets/{name}"),
    }
}

/// The first 64 bits of the SHA-256: enough to tell builds apart.
fn hash(file: &EmbeddedFile) -> String {
    file.metadata.sha256_hash()[..8].iter().fold(String::with_capacity(16), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_s_link_may_be_kept_for_good() {
        for (name, content_type) in [
            ("page.css", "text/css; charset=utf-8"),
            ("form-post.js", "text/javascript; charset=utf-8"),
            ("icon.svg", "image/svg+xml; charset=utf-8"),
        ] {
            let asset = asset(versioned_path(name).strip_prefix("/assets/").unwrap()).unwrap();
            assert_eq!((asset.cache_control, asset.content_type.as_str()), (FOR_GOOD, content_type));
            assert!(asset.etag.starts_with('"') && asset.etag.ends_with('"') && asset.etag.len() == 18);
        }
    }

    #[test]
    fn another_hash_or_none_gets_the_file_for_a_while() {
        let current = asset("page.css").unwrap();
        let outdated = asset("0000000000000000/page.css").unwrap();
        assert_eq!((current.cache_control, outdated.cache_control), (FOR_FIVE_MINUTES, FOR_FIVE_MINUTES));
        assert!(current.bytes == outdated.bytes && current.etag == outdated.etag);
    }

    #[test]
    fn a_browser_that_has_the_file_is_not_sent_it_again() {
        let asset = asset("page.css").unwrap();
        let etag = &asset.etag;
        for known in ["*", etag, &format!("W/{etag}"), &format!("\"x\", {etag}")] {
            assert!(asset.is_known_by(known), "{known}");
        }
        for unknown in ["", "\"x\"", etag.trim_matches('"')] {
            assert!(!asset.is_known_by(unknown), "{unknown}");
        }
    }

    #[test]
    fn nothing_outside_the_folder_is_served() {
        for path in [
            "",
            "/",
            "../Cargo.toml",
            "x/../Cargo.toml",
            "x/../../Cargo.toml",
            "/etc/passwd",
            "x//etc/passwd",
            "no.css",
        ] {
            assert!(asset(path).is_none(), "{path}");
        }
    }
}
