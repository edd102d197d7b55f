//! The migrations and the demo app are embedded in the binary: cargo has to notice a new file.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=../demo-app");
}
