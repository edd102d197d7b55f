//! The migrations are embedded in the binary: cargo has to notice a new one.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
