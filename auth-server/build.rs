//! The migrations are embedded in the binary: cargo has to notice a new one. And who builds what ships without a profile of the
//! auth server under load (docs/decisions/0013) is told.

#![expect(clippy::disallowed_methods, reason = "cargo tells a build script everything in its environment")]

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=../.cargo");
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let wrapper = variable("RUSTC_WRAPPER");
    let is_recording = std::env::var_os("DEPUTY_RECORD_PROFILE").is_some();
    if variable("OPT_LEVEL") != "3" || is_recording {
        return;
    }
    let compiler = format!("{}-{}", variable("HOST"), release(&variable("RUSTC")));
    let is_there = Path::new("../.cargo").join(format!("{compiler}.profdata")).exists();
    let is_used = wrapper.ends_with(".cargo/rustc") && variable("HOST") == variable("TARGET");
    if !(is_there && is_used) {
        println!(
            "cargo::warning=built without the recorded profile of {compiler}: an exchange takes some 13 % more CPU time. \
             See docs/decisions/0013, and .cargo/record-profile for another compiler"
        );
    }
}

/// As `rustc -vV` tells it.
fn release(rustc: &str) -> String {
    let told = Command::new(rustc).arg("-vV").output().map(|output| output.stdout).unwrap_or_default();
    let told = String::from_utf8_lossy(&told);
    told.lines().find_map(|line| line.strip_prefix("release: ")).unwrap_or("an unknown compiler").to_owned()
}
