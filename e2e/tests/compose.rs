//! `docker compose up --build`, as a newcomer runs it, and the checks against it. Only where a Docker engine answers.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::checks;
use e2e::stack::{Ports, Reserved, Service};
use e2e::suite;
use tokio::process::Command;

/// Docker Compose, v2 or 1.29, on the repository's own file.
struct Compose {
    program: Vec<&'static str>,
    environment: Vec<(String, String)>,
}

impl Compose {
    /// Compose on an engine that answers; otherwise why not.
    async fn find() -> Result<Vec<&'static str>, &'static str> {
        if !succeeds(&["docker", "info"]).await {
            return Err("no Docker engine answers");
        }
        for program in [&["docker", "compose"][..], &["docker-compose"], &["/usr/bin/docker-compose"]] {
            if succeeds(&[program, &["version"]].concat()).await {
                return Ok(program.to_vec());
            }
        }
        Err("neither docker compose nor docker-compose is installed")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.program[0]);
        command
            .args(&self.program[1..])
            .args(arguments)
            .current_dir(repository())
            // 1.29 leaves BuildKit off unless told.
            .env("DOCKER_BUILDKIT", "1")
            .env("COMPOSE_DOCKER_CLI_BUILD", "1")
            .env("COMPOSE_PROJECT_NAME", "deputy-e2e")
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    async fn run(&self, arguments: &[&str]) -> Result<()> {
        let status = self.command(arguments).status().await.context("cannot run compose")?;
        ensure!(status.success(), "compose {arguments:?}: {status}");
        Ok(())
    }

    async fn output(&self, arguments: &[&str]) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.command(arguments).output().await?.stdout).into_owned())
    }

    /// Waits until each container reports that it is healthy.
    async fn become_healthy(&self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_mins(2);
        loop {
            let ids = self.output(&["ps", "-q"]).await?;
            let mut inspect = Command::new("docker");
            inspect.args(["inspect", "--format", "{{.Name}} {{.State.Health.Status}}"]).args(ids.split_whitespace());
            let states = String::from_utf8_lossy(&inspect.output().await?.stdout).into_owned();
            if states.lines().count() >= Service::ALL.len() && states.lines().all(|line| line.ends_with(" healthy")) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "not healthy after two minutes: {states}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

async fn succeeds(command: &[&str]) -> bool {
    let output = Command::new(command[0]).args(&command[1..]).kill_on_drop(true).output();
    let output = tokio::time::timeout(Duration::from_secs(20), output).await;
    output.is_ok_and(|output| output.is_ok_and(|output| output.status.success()))
}

#[tokio::test]
async fn compose_starts_a_demo_world_that_passes_every_check() -> Result<()> {
    let program = match Compose::find().await {
        Ok(program) => program,
        Err(why) => {
            suite::skipped("compose", why);
            return Ok(());
        }
    };
    let ports = Reserved::free()?.ports;
    let environment = environment_at(ports)?;
    let compose = Compose { program, environment };
    let outcome = check(&compose, ports).await;
    if outcome.is_err() {
        // What the containers said is the first that a person would ask for.
        compose.run(&["logs", "--no-color", "--tail", "60"]).await?;
    }
    compose.run(&["down", "-v", "--remove-orphans"]).await?;
    outcome
}

/// The variables of `.env`, with free ports in place of the demo's own. What the environment says wins over the file.
fn environment_at(ports: Ports) -> Result<Vec<(String, String)>> {
    let file = std::fs::read_to_string(repository().join(".env")).context("no .env beside docker-compose.yml")?;
    let at_ports = |value: &str| {
        Service::ALL.into_iter().fold(value.to_owned(), |value, service| {
            let [old, new] = [Ports::DEMO, ports].map(|ports| ports.of(service).to_string());
            if value == old { new } else { value.replace(&format!(":{old}"), &format!(":{new}")) }
        })
    };
    let lines = file.lines().filter(|line| !line.trim_start().starts_with('#'));
    let variables = lines.filter_map(|line| line.split_once('='));
    Ok(variables.map(|(name, value)| (name.trim().to_owned(), at_ports(value.trim()))).collect())
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

async fn check(compose: &Compose, ports: Ports) -> Result<()> {
    compose.run(&["up", "--build", "-d"]).await?;
    compose.become_healthy().await?;
    tells_once_where_to_look(compose, ports).await?;
    passes_every_check(ports).await?;
    // Data and keys lie in volumes: the same world again after a restart.
    compose.run(&["restart"]).await?;
    compose.become_healthy().await?;
    passes_every_check(ports).await
}

/// The line that a person waits for. API A starts when all others are healthy, so it comes when everything is there.
async fn tells_once_where_to_look(compose: &Compose, ports: Ports) -> Result<()> {
    let logs = compose.output(&["logs", "--no-color"]).await?;
    let line = format!("the demo app is ready: open {} in a browser", ports.api_a());
    ensure!(logs.matches(&line).count() == 1, "{line:?} does not stand once in {logs}");
    Ok(())
}

async fn passes_every_check(ports: Ports) -> Result<()> {
    let target = checks::Target::demo(&ports.issuer(), &ports.api_a(), &ports.api_b())?.with_archive(&ports.api_c());
    let report = checks::run(&target, |line| println!("{}", checks::line(line, checks::Style::Plain))).await;
    ensure!(report.exit_code() == 0, "{}", checks::summary(&report, checks::Style::Plain));
    Ok(())
}
