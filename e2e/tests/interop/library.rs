//! Running one promise of a library's script against a stack of its own.
//!
//! Where the script needs a person, it prints `VISIT url` and reads on its standard input the URL that the person's
//! browser came back with. Exit code 0: the library is content.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use e2e::stack::Stack;
use e2e::steps::Person;
use e2e::suite;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use url::Url;

use crate::kit::Kit;

/// How long a script may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Lets the library of `script` keep its `promise`, with Alice in front of the browser.
pub async fn keeps(kit: Kit, script: &str, promise: &str) -> Result<()> {
    let name = script.to_owned();
    let mut command = match tokio::task::spawn_blocking(move || kit.command(&name)).await? {
        Ok(command) => command,
        Err(why) => {
            suite::skipped(kit.suite(), &why);
            return Ok(());
        }
    };
    let stack = Stack::builder().in_process().with_tls().start().await?;
    let ca = stack.ca_certificate()?;
    command
        .arg(promise)
        .env("DEPUTY_ISSUER", stack.issuer())
        .env("DEPUTY_USER_TOKEN", stack.sign_in("alice").await?.access_token)
        .env("NODE_EXTRA_CA_CERTS", &ca)
        .env("SSL_CERT_FILE", &ca)
        .env("REQUESTS_CA_BUNDLE", &ca)
        .env("NO_PROXY", "localhost");
    let kept = tokio::time::timeout(PATIENCE, run(&mut command)).await;
    kept.with_context(|| format!("{script} {promise} does not end"))?.with_context(|| format!("{script} {promise}"))?;
    stack.stop().await
}

async fn run(command: &mut Command) -> Result<()> {
    let (stdin, stdout, stderr) = (Stdio::piped(), Stdio::piped(), Stdio::piped());
    let mut script = command.stdin(stdin).stdout(stdout).stderr(stderr).kill_on_drop(true).spawn()?;
    let mut answers = script.stdin.take().context("no input")?;
    let mut lines = BufReader::new(script.stdout.take().context("no output")?).lines();
    let mut stderr = script.stderr.take().context("no error output")?;
    let complaints = tokio::spawn(async move {
        let mut said = String::new();
        stderr.read_to_string(&mut said).await.map(|_| said)
    });
    let (alice, mut said) = (Person::named("alice")?, Vec::new());
    while let Some(line) = lines.next_line().await? {
        match line.strip_prefix("VISIT ") {
            Some(url) => answers.write_all(format!("{}\n", visit(&alice, url).await?).as_bytes()).await?,
            None => said.push(line),
        }
    }
    let (status, complaints) = (script.wait().await?, complaints.await??);
    ensure!(status.success(), "{status}\n{}\n{complaints}", said.join("\n"));
    Ok(())
}

/// Where the person's browser ends up: at the redirect URI that the link names.
async fn visit(person: &Person, url: &str) -> Result<Url> {
    let url: Url = url.parse().context(url.to_owned())?;
    let named = url.query_pairs().find(|(name, _)| name == "redirect_uri").map(|(_, value)| value.into_owned());
    let Some(redirect_uri) = named else { bail!("{url} names no redirect_uri") };
    let callback = person.walk(url, &redirect_uri).await?.callback()?;
    let mut back: Url = redirect_uri.parse()?;
    back.query_pairs_mut().extend_pairs(&callback.parameters);
    Ok(back)
}
