//! `auth0-spa-js` in Chromium: an app on another origin than the auth server, with nothing but the library.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::{Context, Result};
use e2e::browser::Browser;
use e2e::stack::Stack;
use e2e::suite;

use crate::kit::{Kit, sources};

/// The app's files, by path.
type Files = Vec<(&'static str, &'static str, Bytes)>;

#[tokio::test]
async fn auth0_spa_js_signs_in_refreshes_and_signs_out_by_its_alias() -> Result<()> {
    let installed = match tokio::task::spawn_blocking(|| Kit::Node.installed()).await? {
        Ok(installed) => installed.directory,
        Err(why) => {
            suite::skipped(Kit::Node.suite(), &why);
            return Ok(());
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let app = format!("http://localhost:{}/", listener.local_addr()?.port());
    let client: toml::Table = client(&app).parse()?;
    let stack = Stack::builder().in_process().with_tls().configured(move |world| {
        world.auth_server["clients"].as_array_mut().expect("clients").push(client.into());
    });
    let stack = stack.start().await?;
    let Some(browser) = Browser::for_test_trusting(&stack.key_fingerprint()?).await? else { return Ok(()) };
    let serving = tokio::spawn(serve(listener, files(&installed, stack.issuer())?)?);

    browser.driver.goto(&app).await?;
    browser.click("#sign-in").await?;
    browser.type_into("input[name=username]", "alice").await?;
    browser.type_into("input[name=password]", "alice-password").await?;
    browser.click("form button[type=submit], form button:not([type])").await?;
    browser.read("#user", "Alice Example").await?;

    browser.click("#renew").await?;
    browser.read("#renewed", "another token for the same user").await?;

    browser.click("#sign-out").await?;
    browser.click("button[name=decision][value=sign-out]").await?;
    browser.see("#sign-in").await?;
    assert_eq!(browser.driver.current_url().await?.as_str(), app);
    // Really signed out: the next sign-in asks for the password again.
    browser.click("#sign-in").await?;
    browser.see("input[name=password]").await?;

    assert_eq!(browser.complaints().await?, Vec::<String>::new());
    browser.close().await?;
    serving.abort();
    stack.stop().await
}

/// A public client at `app`, as somebody registers it who comes from Auth0.
fn client(app: &str) -> String {
    format!(
        "id = 'spa'\nname = 'Single page app'\ngrant_types = ['authorization_code', 'refresh_token']\n\
         redirect_uris = ['{app}']\npost_logout_redirect_uris = ['{app}']\nskip_consent = true\n\
         scope_claims_in_id_token = true\nallowed_scopes = {{ 'https://api-a.example' = ['read:reports'] }}"
    )
}

fn files(installed: &Path, issuer: &str) -> Result<Files> {
    let read =
        |path: PathBuf| Ok::<_, anyhow::Error>(Bytes::from(std::fs::read(&path).context(path.display().to_string())?));
    let library = installed.join("node_modules/@auth0/auth0-spa-js/dist/auth0-spa-js.production.esm.js");
    let domain = issuer.trim_start_matches("https://").trim_end_matches('/');
    let settings = format!("export const domain = {domain:?};");
    Ok(vec![
        ("/", "text/html", read(sources("spa").join("index.html"))?),
        ("/app.js", "text/javascript", read(sources("spa").join("app.js"))?),
        ("/auth0-spa-js.js", "text/javascript", read(library)?),
        ("/settings.js", "text/javascript", settings.into()),
        ("/favicon.ico", "image/png", Bytes::new()),
    ])
}

fn serve(listener: TcpListener, files: Files) -> Result<actix_web::dev::Server> {
    let files = Data::new(files);
    let app = move || App::new().app_data(files.clone()).default_service(web::to(file));
    Ok(HttpServer::new(app).workers(1).disable_signals().listen(listener)?.run())
}

async fn file(request: actix_web::HttpRequest, files: Data<Files>) -> HttpResponse {
    match files.iter().find(|(path, ..)| *path == request.path()) {
        Some((_, media_type, content)) => HttpResponse::Ok().content_type(*media_type).body(content.clone()),
        None => HttpResponse::NotFound().finish(),
    }
}
