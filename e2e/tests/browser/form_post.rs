//! `response_mode=form_post` in a browser, to an app of another origin (OAuth 2.0 Form Post Response Mode).

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::browser::Browser;
use e2e::stack::Stack;
use e2e::steps::App;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::kit::sign_in;

/// Chromium applies `form-action` to every redirect after a form post, and to the form of `form_post`: the app is on
/// another origin, and must be reached all the same.
#[tokio::test]
async fn a_form_post_reaches_an_app_on_another_origin() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let redirect_uri = format!("http://localhost:{}/callback", listener.local_addr()?.port());
    let registered = redirect_uri.clone();
    let stack = Stack::builder().configured(move |world| {
        let clients = world.auth_server["clients"].as_array_mut().expect("clients");
        let web = clients.iter_mut().find(|client| client["id"].as_str() == Some("demo-web")).expect("demo-web");
        web["redirect_uris"] = toml::Value::Array(vec![registered.into()]);
    });
    let stack = stack.start().await?;
    let mut app = App::demo_web(&stack.auth_server);
    app.redirect_uri = redirect_uri;

    let posted = tokio::spawn(async move { first_post(&listener).await });
    let request = app.authorization_request().with("response_mode", "form_post");
    browser.driver.goto(request.url(&stack.auth_server).as_str()).await?;
    sign_in(&browser, "alice", "alice-password").await?;
    browser.click("button[name=decision][value=allow]").await?;
    let posted = tokio::time::timeout(Duration::from_secs(20), posted).await???;
    ensure!(posted.starts_with("POST /callback "), "{posted}");
    ensure!(posted.contains("code=") && posted.contains(&request.state), "{posted}");
    browser.close().await?;
    stack.stop().await
}

/// The first POST that comes, whole; everything else is answered with nothing.
async fn first_post(listener: &TcpListener) -> std::io::Result<String> {
    loop {
        let (mut connection, _) = listener.accept().await?;
        let request = tokio::time::timeout(Duration::from_secs(5), whole_request(&mut connection)).await;
        connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await?;
        match request {
            Ok(request) if request.starts_with("POST") => return Ok(request),
            _ => {}
        }
    }
}

/// A request to the end of its headers, a POST to the end of its form.
async fn whole_request(connection: &mut TcpStream) -> String {
    let mut request = String::new();
    let mut buffer = [0; 4096];
    while !(request.contains("\r\n\r\n") && (!request.starts_with("POST") || request.contains("state="))) {
        match connection.read(&mut buffer).await {
            Ok(read) if read > 0 => request.push_str(&String::from_utf8_lossy(&buffer[..read])),
            _ => break,
        }
    }
    request
}
