//! A real browser: headless Chromium, driven over `WebDriver` by a chromedriver of its own.
//!
//! Each has a fresh profile, says nothing to the outside, and is gone when it is dropped.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use thirtyfour::common::capabilities::chromium::ChromiumLikeCapabilities;
use thirtyfour::error::WebDriverErrorInner;
use thirtyfour::prelude::*;
use thirtyfour::{ChromeCapabilities, LoggingPrefsLogLevel};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, Command};

use crate::suite;

/// How long a page may take to show something.
const PATIENCE: Duration = Duration::from_secs(40);

/// How often chromedriver may choose a port that somebody else has.
const PORTS_TO_TRY: usize = 10;

/// What it takes to be quiet, and to run as root in a container.
const FLAGS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--window-size=1100,1000",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A browser with one window.
pub struct Browser {
    pub driver: WebDriver,
    _chromedriver: Child,
    profile: TempDir,
}

/// Where the browser's programs are.
struct Programs {
    chromium: PathBuf,
    chromedriver: PathBuf,
}

impl Programs {
    fn find() -> Result<Self, &'static str> {
        let chromium = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(suite::find_program);
        Ok(Self {
            chromium: chromium.ok_or("no Chromium on PATH (Debian: apt-get install chromium)")?,
            chromedriver: suite::find_program("chromedriver")
                .ok_or("no chromedriver on PATH (Debian: apt-get install chromium-driver)")?,
        })
    }
}

impl Browser {
    /// A browser for the test suite `browser`; none where the machine has none, which is then said.
    pub async fn for_test() -> Result<Option<Self>> {
        Self::start_or_skip(&[]).await
    }

    /// The same, trusting the certificate of one key: `Stack::key_fingerprint`.
    pub async fn for_test_trusting(key_fingerprint: &str) -> Result<Option<Self>> {
        Self::start_or_skip(&[format!("--ignore-certificate-errors-spki-list={key_fingerprint}")]).await
    }

    async fn start_or_skip(flags: &[String]) -> Result<Option<Self>> {
        match Programs::find() {
            Ok(programs) => Self::start(&programs, flags).await.map(Some),
            Err(why) => {
                suite::skipped("browser", why);
                Ok(None)
            }
        }
    }

    async fn start(programs: &Programs, flags: &[String]) -> Result<Self> {
        let profile = tempfile::Builder::new().prefix("deputy-browser-").tempdir()?;
        let (chromedriver, port) = start_chromedriver(&programs.chromedriver, profile.path()).await?;
        let mut capabilities = ChromeCapabilities::new();
        capabilities.set_binary(&programs.chromium.display().to_string())?;
        for flag in FLAGS.into_iter().chain(flags.iter().map(String::as_str)) {
            capabilities.add_arg(flag)?;
        }
        capabilities.add_arg(&format!("--user-data-dir={}", profile.path().join("profile").display()))?;
        capabilities.set_browser_log_level(LoggingPrefsLogLevel::All)?;
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities).await?;
        Ok(Self { driver, _chromedriver: chromedriver, profile })
    }

    /// The element at `css`, as soon as a person could see it.
    pub async fn see(&self, css: &str) -> Result<WebElement> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            // An element of a page that is just being left is an error here, and no reason to give up.
            if let Ok(element) = self.driver.find(By::Css(css)).await
                && element.is_displayed().await.unwrap_or(false)
            {
                return Ok(element);
            }
            if tokio::time::Instant::now() >= deadline {
                bail!("{css} does not show on {}: {}", self.driver.current_url().await?, self.text().await?);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the element at `css` shows `text`.
    pub async fn read(&self, css: &str, text: &str) -> Result<()> {
        self.see(css).await?;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !self.shows(css, text).await {
            if tokio::time::Instant::now() >= deadline {
                bail!("{css} never shows {text:?} on {}: {}", self.driver.current_url().await?, self.text().await?);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn shows(&self, css: &str, text: &str) -> bool {
        let Ok(element) = self.driver.find(By::Css(css)).await else { return false };
        element.text().await.is_ok_and(|shown| shown.to_lowercase().contains(&text.to_lowercase()))
    }

    /// Clicks what is at `css`, as soon as it stands still: a page that is being filled moves it away from under the pointer.
    pub async fn click(&self, css: &str) -> Result<()> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let element = self.see(css).await?;
            match click_at_rest(&element).await {
                Ok(true) => return Ok(()),
                Err(error) if !passes(&error) || tokio::time::Instant::now() >= deadline => {
                    return Err(error).with_context(|| format!("cannot click {css}"));
                }
                Ok(false) if tokio::time::Instant::now() >= deadline => bail!("{css} never stands still"),
                Ok(false) | Err(_) => {}
            }
        }
    }

    /// Types into the input at `css`, in place of what was there.
    pub async fn type_into(&self, css: &str, text: &str) -> Result<()> {
        let input = self.see(css).await?;
        input.clear().await?;
        input.send_keys(text).await.with_context(|| format!("cannot type into {css}"))
    }

    /// The page's text.
    pub async fn text(&self) -> Result<String> {
        Ok(self.driver.find(By::Css("body")).await?.text().await?)
    }

    /// Saves what the window shows as `target/screenshots/<name>.png`.
    pub async fn screenshot(&self, name: &str) -> Result<()> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
        std::fs::create_dir_all(&directory)?;
        Ok(self.driver.screenshot(&directory.join(format!("{name}.png"))).await?)
    }

    /// What the pages complained of since the last time: errors in scripts, refused resources, broken policies.
    pub async fn complaints(&self) -> Result<Vec<String>> {
        let log = self.driver.get_log("browser").await?;
        Ok(log.into_iter().filter(|entry| entry.level == "SEVERE").map(|entry| entry.message).collect())
    }

    /// Closes the window and everything behind it.
    pub async fn close(self) -> Result<()> {
        Ok(self.driver.clone().quit().await?)
    }
}

/// Whether it was clicked: not while it moves.
async fn click_at_rest(element: &WebElement) -> WebDriverResult<bool> {
    let before = element.rect().await?;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let now = element.rect().await?;
    let rests = (now.x, now.y) == (before.x, before.y);
    if rests {
        element.click().await?;
    }
    Ok(rests)
}

/// The page was exchanged, or something moved, between the look and the click.
fn passes(error: &WebDriverError) -> bool {
    matches!(
        error.as_inner(),
        WebDriverErrorInner::StaleElementReference(_) | WebDriverErrorInner::ElementClickIntercepted(_)
    )
}

impl Drop for Browser {
    /// A killed chromedriver leaves its Chromium behind: it is found by its profile, which nobody else has.
    fn drop(&mut self) {
        // Otherwise the driver's own drop would wait for an answer of what is killed here. After close() it is no news.
        let _ = self.driver.clone().leak();
        let profile = self.profile.path().display().to_string();
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let ours = processes.filter(|process| {
            let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&profile)
        });
        for process in ours {
            let kill = format!("kill -KILL {}", process.file_name().display());
            // It may have ended by itself by now.
            let _ = std::process::Command::new("sh").args(["-c", &kill]).stderr(Stdio::null()).status();
        }
    }
}

/// Starts chromedriver on a port that it chooses itself.
///
/// It takes one that is free on `::1`, and ends if somebody has the same one on `127.0.0.1`, as any server of these tests may.
/// Then it is asked to choose again.
async fn start_chromedriver(program: &Path, directory: &Path) -> Result<(Child, u16)> {
    for _ in 0..PORTS_TO_TRY {
        let mut child = Command::new(program)
            .arg("--port=0")
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let told = tokio::time::timeout(PATIENCE, first_words(&mut lines)).await;
        if let FirstWords::Port(port) = told.context("chromedriver does not start")?? {
            // Read on, or it stops at a full pipe.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok((child, port));
        }
    }
    bail!("chromedriver chose {PORTS_TO_TRY} ports, and each was taken")
}

/// What chromedriver tells when it starts.
#[derive(Debug, PartialEq, Eq)]
enum FirstWords {
    Port(u16),
    PortTaken,
}

async fn first_words(lines: &mut Lines<impl AsyncBufRead + Unpin>) -> Result<FirstWords> {
    let mut said = String::new();
    while let Some(line) = lines.next_line().await? {
        if let Some((_, rest)) = line.split_once("started successfully on port ") {
            return Ok(FirstWords::Port(rest.trim_end_matches('.').parse()?));
        }
        if line.contains("port not available") {
            return Ok(FirstWords::PortTaken);
        }
        said.push_str(&line);
        said.push('\n');
    }
    bail!("chromedriver ended without a word on its port, but said: {said}")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn told(said: &str) -> Result<FirstWords> {
        first_words(&mut said.as_bytes().lines()).await
    }

    #[tokio::test]
    async fn the_port_that_chromedriver_chose_is_heard() {
        let said = "Only local connections are allowed.\nChromeDriver was started successfully on port 56317.\n";
        assert_eq!(told(said).await.unwrap(), FirstWords::Port(56317));
    }

    #[tokio::test]
    async fn a_port_that_somebody_else_has_is_no_failure() {
        let said = "[1796054574.140][SEVERE]: bind() failed: Address already in use (98)\nIPv4 port not available. Exiting...\n";
        assert_eq!(told(said).await.unwrap(), FirstWords::PortTaken);
    }

    #[tokio::test]
    async fn what_chromedriver_said_before_it_ended_is_in_the_error() {
        let error = told("Unable to initialize logging. Exiting...\n").await.unwrap_err();
        assert!(error.to_string().contains("initialize logging"), "{error}");
    }
}
