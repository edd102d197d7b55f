//! What cargo runs instead of rustc (`.cargo/rustc`, docs/decisions/0013): what it adds, and what it leaves alone.
#![expect(clippy::unwrap_used, reason = "these are tests, their helpers included")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

const CARGO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.cargo");

/// Files are written, and programs started, by one test at a time: what another starts meanwhile has the file open, too, and until
/// it has become another program, "Text file busy" is all that comes of running it.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn output_of(command: &mut Command) -> Output {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    command.output().unwrap()
}

/// A copy of the program beside a profile, and a compiler of that name which tells what it was asked for.
struct Workshop(TempDir);

impl Workshop {
    fn with_profile_of(compiler: &str) -> Self {
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let workshop = Self(tempfile::tempdir().unwrap());
        fs::copy(Path::new(CARGO).join("rustc"), workshop.file("rustc")).unwrap();
        fs::write(workshop.file(&format!("{compiler}.profdata")), "").unwrap();
        let told = "#!/bin/sh\n\
                    if [ \"$1\" = -vV ]; then printf 'rustc 1.95.0\\nhost: a-machine\\nrelease: 1.95.0\\n'; exit; fi\n\
                    printf '%s\\n' \"$@\"\n";
        fs::write(workshop.file("compiler"), told).unwrap();
        fs::set_permissions(workshop.file("compiler"), fs::Permissions::from_mode(0o755)).unwrap();
        workshop
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What the compiler is asked for beside `arguments`.
    fn added_to(&self, arguments: &[&str], record: Option<&str>) -> Vec<String> {
        let mut command = Command::new(self.file("rustc"));
        command.arg(self.file("compiler")).args(arguments).env_remove("DEPUTY_RECORD_PROFILE");
        command.envs(record.map(|directory| ("DEPUTY_RECORD_PROFILE", directory)));
        let output = output_of(&mut command);
        assert!(output.status.success(), "{output:?}");
        let told = String::from_utf8(output.stdout).unwrap();
        let mut told = told.lines().map(str::to_owned);
        for argument in arguments {
            assert_eq!(told.next().as_deref(), Some(*argument));
        }
        told.collect()
    }
}

const OPTIMISED: [&str; 4] = ["--crate-name", "a name with spaces", "-C", "opt-level=3"];

#[test]
fn optimised_code_is_laid_out_by_the_profile_of_its_compiler() {
    let workshop = Workshop::with_profile_of("a-machine-1.95.0");
    let profile = workshop.file("a-machine-1.95.0.profdata");
    assert_eq!(workshop.added_to(&OPTIMISED, None), [format!("-Cprofile-use={}", profile.display())]);
}

#[test]
fn all_other_code_is_compiled_as_ever() {
    let workshop = Workshop::with_profile_of("a-machine-1.95.0");
    for level in ["opt-level=0", "opt-level=1", "opt-level=s"] {
        assert!(workshop.added_to(&["-C", level], Some("counts")).is_empty(), "{level}");
    }
    assert!(workshop.added_to(&["--print", "cfg"], None).is_empty());
}

#[test]
fn the_compiler_gets_every_variable_that_cargo_sets_whatever_its_name() {
    let mut command = Command::new(Path::new(CARGO).join("rustc"));
    let told = output_of(command.arg("env").env("CARGO_BIN_EXE_api-a", "there")).stdout;
    assert!(String::from_utf8(told).unwrap().lines().any(|line| line == "CARGO_BIN_EXE_api-a=there"));
}

#[test]
fn another_compiler_gets_no_profile() {
    for compiler in ["a-machine-1.96.0", "another-machine-1.95.0"] {
        assert!(Workshop::with_profile_of(compiler).added_to(&OPTIMISED, None).is_empty(), "{compiler}");
    }
}

#[test]
fn who_records_gets_code_that_counts_and_not_the_profile_of_before() {
    let workshop = Workshop::with_profile_of("a-machine-1.95.0");
    assert_eq!(workshop.added_to(&OPTIMISED, Some("counts")), ["-Cprofile-generate=counts"]);
}

#[test]
fn the_recorded_profile_is_of_the_compiler_that_the_project_names() {
    let release = format!("{}.0", env!("CARGO_PKG_RUST_VERSION"));
    let profile = Path::new(CARGO).join(format!("x86_64-unknown-linux-gnu-{release}.profdata"));
    assert!(profile.exists(), "{}: run .cargo/record-profile", profile.display());
}
