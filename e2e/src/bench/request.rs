//! Requests as the bytes that they are on the wire, made before anybody measures.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::{Url, form_urlencoded};

/// One request, to be sent as often as wanted.
pub type Request = Arc<[u8]>;

/// A client's id and secret; a public client has none.
pub type Client<'a> = (&'a str, Option<&'a str>);

/// `GET url`.
pub fn get(url: &Url, headers: &[(&str, &str)]) -> Request {
    of("GET", url, headers, "")
}

/// `GET url` with an access token (RFC 6750 section 2.1).
pub fn get_with_token(url: &Url, token: &str) -> Request {
    get(url, &[("authorization", &format!("Bearer {token}"))])
}

/// A client's form (RFC 6749 section 2.3.1).
pub fn post<K: AsRef<str>, V: AsRef<str>>(url: &Url, client: Client<'_>, form: &[(K, V)]) -> Request {
    let basic = |secret| format!("Basic {}", STANDARD.encode(format!("{}:{secret}", client.0)));
    let mut fields: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
    match client {
        (_, Some(secret)) => self::form(url, &[("authorization", &basic(secret))], &fields),
        (id, None) => {
            fields.push(("client_id", id));
            self::form(url, &[], &fields)
        }
    }
}

/// A form, as browsers send it.
pub fn form(url: &Url, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Request {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let headers = [headers, &[("content-type", "application/x-www-form-urlencoded")]].concat();
    of("POST", url, &headers, &body)
}

fn of(method: &str, url: &Url, headers: &[(&str, &str)], body: &str) -> Request {
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
    let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
    let mut text = format!("{method} {}{query} HTTP/1.1\r\nhost: {host}:{port}\r\n", url.path());
    for (name, value) in headers {
        text.extend([*name, ": ", *value, "\r\n"]);
    }
    if method == "POST" {
        text.extend(["content-length: ", &body.len().to_string(), "\r\n"]);
    }
    text.extend(["\r\n", body]);
    text.into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_its_length_and_its_client() {
        let url = "http://localhost:9000/oauth/token".parse().unwrap();
        let request = post(&url, ("app", None), &[("grant_type", "x y")]);
        assert_eq!(
            std::str::from_utf8(&request).unwrap(),
            "POST /oauth/token HTTP/1.1\r\nhost: localhost:9000\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: 28\r\n\r\ngrant_type=x+y&client_id=app"
        );
    }
}
