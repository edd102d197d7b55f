//! The headers that every page is sent with: what a browser may load, where its forms may lead, who may frame it.

use crate::protocol::RedirectUri;

/// For a page of this server. `app`: where the answer to the page's form may lead in the end.
///
/// Browsers apply `form-action` to every redirect that follows a form, so an app's origin must be named on each page
/// on the way to it: with `'self'` alone, signing in ends in silence.
#[must_use]
pub fn page_headers(app: Option<&RedirectUri>) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("Content-Security-Policy", content_security_policy(app)),
        // Not `no-referrer`: browsers then send `Origin: null` with our own forms, which would look forged.
        ("Referrer-Policy", "same-origin".to_owned()),
    ];
    // An app may show these pages in a pop-up and wait for its answer there. Any opener policy would cut that tie for
    // good, so it is set only on pages that lead to no app.
    if app.is_none() {
        headers.push(("Cross-Origin-Opener-Policy", "same-origin".to_owned()));
    }
    headers.extend(constant_headers());
    headers
}

/// For the page that posts the answer to an app. Its `Origin` shall name this server: a framework at the app's end that
/// guards its forms would refuse `null`.
#[must_use]
pub fn form_post_headers(app: &RedirectUri) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("Content-Security-Policy", content_security_policy(Some(app))),
        ("Referrer-Policy", "strict-origin".to_owned()),
    ];
    headers.extend(constant_headers());
    headers
}

fn content_security_policy(app: Option<&RedirectUri>) -> String {
    let app = app.map(|app| format!(" {}", app.form_action_source())).unwrap_or_default();
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; form-action 'self'{app}; \
         frame-ancestors 'none'; base-uri 'none'"
    )
}

fn constant_headers() -> [(&'static str, String); 4] {
    [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(uri: &str) -> RedirectUri {
        RedirectUri::match_registered(None, &[uri.parse().unwrap()], false).unwrap()
    }

    fn value(headers: &[(&'static str, String)], name: &str) -> Option<String> {
        let values: Vec<_> = headers.iter().filter(|(known, _)| *known == name).collect();
        assert!(values.len() < 2, "{name} twice");
        values.first().map(|(_, value)| value.clone())
    }

    #[test]
    fn a_page_may_load_from_here_only_and_be_framed_by_nobody() {
        let headers = page_headers(None);
        assert_eq!(
            value(&headers, "Content-Security-Policy").unwrap(),
            "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; form-action 'self'; \
             frame-ancestors 'none'; base-uri 'none'"
        );
        assert_eq!(value(&headers, "X-Frame-Options").unwrap(), "DENY");
        assert_eq!(value(&headers, "Cache-Control").unwrap(), "no-store");
        assert_eq!(value(&headers, "X-Content-Type-Options").unwrap(), "nosniff");
        assert_eq!(value(&headers, "Cross-Origin-Opener-Policy").unwrap(), "same-origin");
        assert_eq!(value(&headers, "Referrer-Policy").unwrap(), "same-origin");
    }

    #[test]
    fn forms_may_lead_to_the_app_s_origin_or_scheme_and_nowhere_else() {
        for (uri, source) in [
            ("https://app.example:8443/cb?a=1", "form-action 'self' https://app.example:8443;"),
            ("http://localhost:9001/callback", "form-action 'self' http://localhost:9001;"),
            ("com.example.app:/cb", "form-action 'self' com.example.app:;"),
        ] {
            for headers in [page_headers(Some(&app(uri))), form_post_headers(&app(uri))] {
                let policy = value(&headers, "Content-Security-Policy").unwrap();
                assert!(policy.contains(source), "{policy}");
            }
        }
    }

    #[test]
    fn pages_on_the_way_to_an_app_keep_the_tie_to_the_window_that_opened_them() {
        let app = app("https://app.example/cb");
        assert_eq!(value(&page_headers(Some(&app)), "Cross-Origin-Opener-Policy"), None);
        assert_eq!(value(&form_post_headers(&app), "Cross-Origin-Opener-Policy"), None);
    }
}
