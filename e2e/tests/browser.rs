//! The six steps as a person sees them, in a real browser.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::browser::Browser;
use e2e::stack::Stack;
use e2e::steps::App;
use thirtyfour::Key;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn alice_signs_in_sees_her_report_files_a_receipt_and_signs_out() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;

    browser.driver.goto(stack.api_a_url().as_str()).await?;
    browser.see("#sign-in").await?;
    browser.screenshot("1-demo-app").await?;
    browser.click("#sign-in").await?;

    browser.see("input[name=username]").await?;
    browser.screenshot("2-sign-in").await?;
    sign_in(&browser, "alice", "alice-password").await?;

    browser.read("#user-name", "alice").await?;
    browser.click("#load-report").await?;
    browser.see("#report").await?;
    file_receipt(&browser, "Flowers by Ada").await?;
    browser.read("#report", "Flowers by Ada").await?;
    browser.screenshot("3-report").await?;

    browser.click("#sign-out").await?;
    browser.see("#sign-in").await?;
    browser.screenshot("4-signed-out").await?;
    // Really signed out: the next sign-in asks for the password again.
    browser.click("#sign-in").await?;
    browser.see("input[name=password]").await?;

    assert_eq!(browser.complaints().await?, Vec::<String>::new());
    browser.close().await?;
    stack.stop().await
}

/// The way through a missing consent: said in words, asked at the auth server, and on with what the person had wanted. By
/// keyboard alone.
#[tokio::test]
async fn alice_opens_the_archive_after_she_has_agreed() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    browser.driver.goto(stack.api_a_url().as_str()).await?;
    browser.click("#sign-in").await?;
    sign_in(&browser, "alice", "alice-password").await?;
    browser.read("#user-name", "alice").await?;

    press(&browser, "#load-archive").await?;
    browser.read("#message", "needs your consent").await?;
    browser.screenshot("6-consent-needed").await?;
    press(&browser, "#message button").await?;
    browser.see("button[name=decision][value=deny]").await?;
    browser.read("main", "Archive").await?;
    browser.screenshot("7-consent-page").await?;
    // First she thinks better of it.
    press(&browser, "button[name=decision][value=deny]").await?;
    browser.read("#message", "You did not agree").await?;
    press(&browser, "#message button").await?;
    browser.read("#user-name", "alice").await?;

    press(&browser, "#load-archive").await?;
    press(&browser, "#message button").await?;
    press(&browser, "button[name=decision][value=allow]").await?;
    // Nothing more to press: the app goes on with what she had wanted.
    browser.read("#archive", "Total in EUR").await?;
    browser.read("#message", "The archive is open").await?;
    browser.screenshot("8-archive").await?;
    let stored =
        browser.driver.execute("return JSON.stringify({ ...sessionStorage, ...localStorage })", vec![]).await?;
    assert_eq!(stored.json().as_str(), Some("{}"), "nothing is left behind, and no token ever was");

    // The refusal was an answer, and browsers write those to their console.
    let complaints = browser.complaints().await?;
    ensure!(complaints.iter().all(|line| line.contains("/api/archive") && line.contains("401")), "{complaints:?}");
    browser.close().await?;
    stack.stop().await
}

/// Presses the button at `css` by its key, as who has no mouse does.
async fn press(browser: &Browser, css: &str) -> Result<()> {
    Ok(browser.see(css).await?.send_keys(Key::Enter + "").await?)
}

async fn sign_in(browser: &Browser, username: &str, password: &str) -> Result<()> {
    browser.type_into("input[name=username]", username).await?;
    browser.type_into("input[name=password]", password).await?;
    browser.click("form button[type=submit], form button:not([type])").await
}

/// Fills whatever the form asks for.
async fn file_receipt(browser: &Browser, merchant: &str) -> Result<()> {
    browser.see("#receipt-form").await?;
    browser.type_into("#receipt-form input[name=merchant]", merchant).await?;
    browser.type_into("#receipt-form input[name=amount]", "4.50").await?;
    browser.click("#receipt-form button").await
}

#[tokio::test]
async fn a_wrong_password_is_told_on_the_login_page() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    browser.driver.goto(stack.api_a_url().as_str()).await?;
    browser.click("#sign-in").await?;
    sign_in(&browser, "alice", "wrong").await?;
    browser.see("[role=alert]").await?;
    browser.screenshot("5-wrong-password").await?;
    browser.close().await?;
    stack.stop().await
}

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
