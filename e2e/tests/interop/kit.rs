//! Installing what the scripts need, once per machine: below `target/interop`, as the lock files say.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The libraries of one language.
#[derive(Clone, Copy, Debug)]
pub enum Kit {
    Node,
    Python,
    Rust,
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

    /// The directory of the installed libraries, or why there are none.
    pub fn installed(self) -> Result<PathBuf, String> {
        static KITS: [OnceLock<Result<PathBuf, String>>; 3] = [const { OnceLock::new() }; 3];
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
        let installed = self.installed()?;
        let (program, script) = match self {
            Self::Node => (PathBuf::from("node"), Some(installed.join(format!("{script}.mjs")))),
            Self::Python => (installed.join("bin/python"), Some(sources("python").join(format!("{script}.py")))),
            Self::Rust => (installed.join("debug").join(script), None),
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

/// Node looks for packages above the script, so the scripts lie beside them.
fn node() -> Result<PathBuf, String> {
    let directory = target("node")?;
    let io = |error: std::io::Error| error.to_string();
    for entry in fs::read_dir(sources("node")).map_err(io)? {
        let file = entry.map_err(io)?.path();
        fs::copy(&file, directory.join(file.file_name().unwrap_or_default())).map_err(io)?;
    }
    once(&directory, &sources("node").join("package-lock.json"), || {
        let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        succeed(Command::new("npm").args(arguments).current_dir(&directory))
    })
}

fn python() -> Result<PathBuf, String> {
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
    })
}

/// Cargo knows itself what is up to date. What cannot be fetched is missing; what does not compile is a failure.
fn rust() -> Result<PathBuf, String> {
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
    Ok(directory)
}

/// Installs where it has not been done for this very lock file.
fn once(directory: &Path, lock: &Path, install: impl FnOnce() -> Result<(), String>) -> Result<PathBuf, String> {
    let wanted = fs::read_to_string(lock).map_err(|error| error.to_string())?;
    let done = directory.join("installed");
    if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(directory.to_owned());
    }
    install()?;
    fs::write(done, wanted).map_err(|error| error.to_string())?;
    Ok(directory.to_owned())
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
