//! Builds the actor, and the init of virtual machines. They are no targets of cargo: they have no
//! standard library and a layout of their own, and ask for nothing but the compiler and the linker that
//! this crate is built with.

use std::process::Command;
use std::{env, fs};

fn main() {
    let folder = variable("CARGO_MANIFEST_DIR") + "/../actor";
    for part in ["program", "init", "src"] {
        println!("cargo::rerun-if-changed={folder}/{part}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    let layout = format!("-Wl,-T,{folder}/program/layout.ld");
    build(&format!("{folder}/program/main.rs"), "actor", &["-Wl,-z,max-page-size=4096", &layout]);
    build(&format!("{folder}/init/main.rs"), "init", &["-Wl,-z,noseparate-code"]);
}

/// Builds the program of which `source` is the root, as `NAME.elf`.
fn build(source: &str, name: &str, special: &[&str]) {
    let out = format!("{}/{name}.elf", variable("OUT_DIR"));
    let known = variable("CARGO_CFG_TARGET_ARCH") == "x86_64"
        && variable("CARGO_CFG_TARGET_OS") == "linux"
        && variable("CARGO_CFG_TARGET_POINTER_WIDTH") == "64";
    if !known {
        // An empty program: the lab says at run time that it has none for this processor.
        fs::write(&out, b"").expect("the build's own folder can be written");
        return;
    }
    let usual = ["-nostartfiles", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none"];
    let link = usual.iter().chain(special);
    let crate_name = format!("oomph_{name}_program");
    let mut rustc = Command::new(variable("RUSTC"));
    rustc
        .args(["--edition", "2024", "--crate-name", &crate_name, "--crate-type", "bin"])
        .args(["--target", &variable("TARGET"), "-C", "panic=abort", "-C", "opt-level=2"])
        .args(["-C", "relocation-model=static", "-C", "target-feature=+crt-static"])
        .args(["-C", "strip=symbols", "-C", "debug-assertions=off", "-C", "overflow-checks=off"])
        .args(link.flat_map(|argument| ["-C".to_owned(), format!("link-arg={argument}")]))
        .arg(source)
        .args(["-o", &out]);
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.args(["-C", &format!("linker={linker}")]);
    }
    let status = rustc.status().expect("the compiler that builds this crate can be started");
    assert!(status.success(), "the {name} could not be built: {rustc:?}");
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
