//! `e2e demo` and `e2e run`, as a newcomer runs them.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::stack::{Binaries, Reserved};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const E2E: &str = env!("CARGO_BIN_EXE_e2e");

/// Starts the demo and waits until it says how to stop it.
async fn start_demo(arguments: &[String]) -> Result<Child> {
    let mut demo = Command::new(E2E)
        .arg("demo")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(demo.stdout.take().context("no output")?).lines();
    tokio::time::timeout(Duration::from_mins(10), async {
        while let Some(line) = lines.next_line().await? {
            println!("{line}");
            if line.contains("Ctrl-C") {
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return Ok(());
            }
        }
        anyhow::bail!("the demo ended early")
    })
    .await??;
    Ok(demo)
}

async fn signal(process: &Child, name: &str) -> Result<()> {
    let pid = process.id().context("it has ended")?;
    let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {pid}")).status().await?;
    ensure!(sent.success(), "cannot signal");
    Ok(())
}

#[tokio::test]
async fn the_demo_starts_passes_its_checks_and_stops_on_ctrl_c() -> Result<()> {
    tokio::task::spawn_blocking(Binaries::built).await??;
    let ports = Reserved::free()?.ports;
    let arguments = [
        format!("--auth-server-port={}", ports.auth_server),
        format!("--api-a-port={}", ports.api_a),
        format!("--api-b-port={}", ports.api_b),
        format!("--api-c-port={}", ports.api_c),
        format!("--api-a2-port={}", ports.api_a2),
        "--no-build".to_owned(),
    ];
    let mut demo = start_demo(&arguments).await?;

    let directory = tempfile::tempdir()?;
    let junit = directory.path().join("e2e.xml");
    let checks = Command::new(E2E)
        .args([
            "run",
            "--issuer",
            &ports.issuer(),
            "--api-a",
            ports.api_a().as_str(),
            "--api-b",
            ports.api_b().as_str(),
            "--api-c",
            ports.api_c().as_str(),
        ])
        .arg("--junit")
        .arg(&junit)
        .output()
        .await?;
    let lines = String::from_utf8_lossy(&checks.stdout).into_owned();
    ensure!(checks.status.success(), "{lines}{}", String::from_utf8_lossy(&checks.stderr));
    ensure!(lines.contains("PASS 4-5 exchange") && !lines.contains('\u{1b}'), "{lines}");
    ensure!(std::fs::read_to_string(&junit)?.contains(r#"failures="0""#), "a failure in JUnit");

    signal(&demo, "INT").await?;
    let status = tokio::time::timeout(Duration::from_secs(40), demo.wait()).await??;
    assert_eq!(status.code(), Some(0));
    // Nothing was left behind.
    Reserved::bind(ports).map(drop)
}

#[tokio::test]
async fn where_nobody_answers_the_exit_code_is_3() -> Result<()> {
    let ports = Reserved::free()?.ports;
    let checks = Command::new(E2E).args(["run", "--issuer", &ports.issuer()]).output().await?;
    assert_eq!(checks.status.code(), Some(3), "{}", String::from_utf8_lossy(&checks.stdout));
    Ok(())
}

#[tokio::test]
async fn wrong_usage_is_2() -> Result<()> {
    for arguments in [&["run", "--issuer"][..], &["run", "--api-a", "ftp://x"], &["run", "--user", "x"], &["fly"], &[]]
    {
        let outcome = Command::new(E2E).args(arguments).env_remove("E2E_PASSWORD").output().await?;
        assert_eq!(outcome.status.code(), Some(2), "{arguments:?}");
    }
    Ok(())
}
