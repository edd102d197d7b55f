//! The demo world as a program of this workspace sees it.

use std::io::{self, Read as _, stdin};

use anyhow::Context as _;
use oauth2::url::Url;
use oauth2::{HttpRequest, HttpResponse, http};

pub const WEB_APP: (&str, &str) = ("demo-web", "demo-web-secret-0123456789abcdefghijklmnopqrstuvwx");
pub const MACHINE: (&str, &str) = ("demo-machine", "demo-machine-secret-0123456789abcdefghijklmnopqrst");
pub const REDIRECT_URI: &str = "http://localhost:9100/callback";
pub const API_A: &str = "https://api-a.example";

/// The issuer: https, with a slash at its end.
pub fn issuer() -> anyhow::Result<String> {
    Ok(std::env::var("DEPUTY_ISSUER")?)
}

/// Sends Alice to the link; the parameters that her browser comes back with.
pub fn visit(link: &Url) -> anyhow::Result<impl Fn(&str) -> anyhow::Result<String>> {
    println!("VISIT {link}");
    let mut line = String::new();
    stdin().read_line(&mut line)?;
    let back: Url = line.trim().parse()?;
    Ok(move |name: &str| {
        let found = back.query_pairs().find(|(parameter, _)| parameter == name);
        Ok(found.with_context(|| format!("no {name} in {back}"))?.1.into_owned())
    })
}

/// How requests are sent: the libraries leave it to the program.
pub fn send(request: HttpRequest) -> io::Result<HttpResponse> {
    let mut outgoing = ureq::request(request.method().as_str(), &request.uri().to_string());
    for (name, value) in request.headers() {
        outgoing = outgoing.set(name.as_str(), value.to_str().map_err(io::Error::other)?);
    }
    let answer = match outgoing.send_bytes(request.body()) {
        Ok(answer) | Err(ureq::Error::Status(_, answer)) => answer,
        Err(error) => return Err(io::Error::other(error)),
    };
    let mut response = http::Response::builder().status(answer.status());
    for name in answer.headers_names() {
        response = response.header(&name, answer.header(&name).unwrap_or_default());
    }
    let mut body = Vec::new();
    answer.into_reader().read_to_end(&mut body)?;
    response.body(body).map_err(io::Error::other)
}

/// The promise that the command line names.
pub fn promise() -> String {
    std::env::args().nth(1).unwrap_or_default()
}
