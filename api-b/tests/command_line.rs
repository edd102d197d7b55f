//! API B as a process: exit codes, the ready line, stopping, and what is in the log. API A has the same command line.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const CONFIG: &str = "identifier = 'https://api-b.example'\nlisten = '127.0.0.1:1'\nissuer = 'http://localhost:9000'\n\
                      public_url = 'http://localhost:9002'\n[database]\nurl = 'sqlite://b.sqlite'";

fn api_b(folder: &Path, config: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_api-b"));
    command.current_dir(folder).args(arguments).env("API_B_CONFIG_INLINE", config).env("LOG_FORMAT", "json");
    command
}

fn run(config: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    api_b(folder.path(), config, arguments).output().unwrap()
}

#[test]
fn a_good_configuration_is_0_and_a_bad_one_is_2_with_the_key_named() {
    assert_eq!(run(CONFIG, &["check-config"]).status.code(), Some(0));
    for arguments in [&["check-config"][..], &[]] {
        let refused = run(&CONFIG.replace("sqlite://b.sqlite", "sqlite::memory:"), arguments);
        let words = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2));
        assert!(words.contains("API_B_CONFIG_INLINE") && words.contains("database.url"), "{words}");
    }
}

#[test]
fn a_health_check_without_a_server_is_1() {
    assert_eq!(run(CONFIG, &["healthcheck"]).status.code(), Some(1));
}

#[tokio::test]
async fn a_server_says_when_it_is_ready_logs_no_token_and_ends_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = api_b(folder.path(), CONFIG, &["--port", "0", "--ready-file", "ready.json"])
        .env("RUST_LOG", "debug")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("ready identifier=https://api-b.example listen=127.0.0.1:"), "{line}");
    let ready: Value = serde_json::from_slice(&std::fs::read(folder.path().join("ready.json")).unwrap()).unwrap();
    let (listen, pid) = (ready["listen"].as_str().unwrap(), ready["pid"].to_string());

    let request =
        reqwest::Client::builder().build().unwrap().get(format!("http://{listen}/api/me?code=canary-in-the-query"));
    let answer = request.bearer_auth("canary-of-a-token").header("Cookie", "c=canary-cookie").send().await.unwrap();
    let request_id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(server.wait().unwrap().code(), Some(0));

    let mut log = String::new();
    server.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(!log.contains("canary"), "{log}");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let access = lines.iter().find(|line| line["target"] == "access").unwrap();
    assert_eq!((access["status"].as_u64(), access["request_id"].as_str()), (Some(401), Some(request_id.as_str())));
    assert_eq!(access["message"], "GET /api/me");
}
