//! Installing what the scripts need, once per machine: below `target/interop`, as the lock files say.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What the libraries need at least.
const OLDEST_NODE: u32 = 20;

/// The libraries of one language.
#[derive(Clone, Copy, Debug)]
pub enum Kit {
    Node,
    Python,
    Rust,
}

/// Where a kit is.
#[derive(Clone)]
pub struct Installed {
    pub directory: PathBuf,
    /// What runs its scripts; the scripts of Rust are programs.
    interpreter: PathBuf,
}

impl Kit {
    /// The suite that `./test` counts as skipped, and `DEPUTY_REQUIRE` can name.
    pub fn suite(self) -> &'static str {
        match self {
            Self::Node => "interop-node",
            Self::Python => "interop-python",
            Self::Rust => "interop-rust",
        }
    }

    /// The installed libraries, or why there are none.
    pub fn installed(self) -> Result<Installed, String> {
        static KITS: [OnceLock<Result<Installed, String>>; 3] = [const { OnceLock::new() }; 3];
        KITS[self as usize]
            .get_or_init(|| match self {
                Self::Node => node(),
                Self::Python => python(),
                Self::Rust => rust(),
            })
            .clone()
    }

    /// A command that runs `script` of this kit.
    pub fn command(self, script: &str) -> Result<tokio::process::Command, String> {
        let Installed { directory, interpreter } = self.installed()?;
        let (program, script) = match self {
            Self::Node => (interpreter, Some(directory.join(format!("{script}.mjs")))),
            Self::Python => (interpreter, Some(sources("python").join(format!("{script}.py")))),
            Self::Rust => (directory.join("debug").join(script), None),
        };
        let mut command = tokio::process::Command::new(program);
        command.args(script).env("PYTHONDONTWRITEBYTECODE", "1");
        Ok(command)
    }
}

pub fn sources(kit: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("interop").join(kit)
}

fn target(kit: &str) -> Result<PathBuf, String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/interop").join(kit);
    fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    directory.canonicalize().map_err(|error| error.to_string())
}

fn node() -> Result<Installed, String> {
    let version =
        Command::new("node").arg("--version").output().map_err(|_| "no Node (Debian: apt-get install npm)")?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    let interpreter = if major.is_some_and(|major| major >= OLDEST_NODE) {
        PathBuf::from("node")
    } else {
        npm_packages("node-runtime")?.join("node_modules/.bin/node")
    };
    Ok(Installed { directory: npm_packages("node")?, interpreter })
}

/// Node looks for packages above the script, so the scripts lie beside them.
fn npm_packages(name: &str) -> Result<PathBuf, String> {
    let directory = target(name)?;
    let io = |error: std::io::Error| error.to_string();
    for entry in fs::read_dir(sources(name)).map_err(io)? {
        let file = entry.map_err(io)?.path();
        fs::copy(&file, directory.join(file.file_name().unwrap_or_default())).map_err(io)?;
    }
    once(&directory, &sources(name).join("package-lock.json"), || {
        let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        succeed(Command::new("npm").args(arguments).current_dir(&directory))
    })?;
    Ok(directory)
}

fn python() -> Result<Installed, String> {
    let directory = target("python")?;
    let requirements = sources("python").join("requirements.txt");
    once(&directory, &requirements, || {
        // Some have no TLS, others no pip for a new environment.
        let complete = |python: &&str| succeed(Command::new(python).args(["-c", "import ssl, ensurepip"])).is_ok();
        let python = ["python3", "/usr/bin/python3"].into_iter().find(complete);
        let python = python.ok_or("no Python 3 with venv (Debian: apt-get install python3-venv)")?;
        succeed(Command::new(python).args(["-m", "venv", "--clear"]).arg(&directory))?;
        let options = ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"];
        succeed(Command::new(directory.join("bin/pip")).args(options).arg("--requirement").arg(&requirements))
    })?;
    Ok(Installed { interpreter: directory.join("bin/python"), directory })
}

/// Cargo knows itself what is up to date. What cannot be fetched is missing; what does not compile is a failure.
fn rust() -> Result<Installed, String> {
    let directory = target("rust")?;
    let cargo = |command: &str| {
        let mut cargo = Command::new("cargo");
        cargo.args([command, "--quiet", "--locked", "--manifest-path"]).arg(sources("rust").join("Cargo.toml"));
        cargo
    };
    succeed(&mut cargo("fetch"))?;
    if let Err(why) = succeed(cargo("build").arg("--target-dir").arg(&directory)) {
        panic!("e2e/interop/rust: {why}");
    }
    Ok(Installed { interpreter: PathBuf::new(), directory })
}

/// Installs where it has not been done for this very lock file.
fn once(directory: &Path, lock: &Path, install: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let wanted = fs::read_to_string(lock).map_err(|error| error.to_string())?;
    let done = directory.join("installed");
    if !fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        install()?;
        fs::write(done, wanted).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("{program}: {}", said.lines().next_back().unwrap_or("it fails without a word")))
        }
        Err(error) => Err(format!("{program}: {error}")),
    }
}
