//! Builds the actor, which is not a target of cargo: it has no standard library and a layout of its
//! own, and asks for nothing but the compiler and the linker that this crate is built with.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

fn main() {
    let out = variable("OUT_DIR") + "/actor.elf";
    let folder = variable("CARGO_MANIFEST_DIR") + "/../actor";
    println!("cargo::rerun-if-changed={folder}/program");
    println!("cargo::rerun-if-changed={folder}/src");
    println!("cargo::rerun-if-changed=build.rs");
    let known = variable("CARGO_CFG_TARGET_ARCH") == "x86_64"
        && variable("CARGO_CFG_TARGET_OS") == "linux"
        && variable("CARGO_CFG_TARGET_POINTER_WIDTH") == "64";
    if !known {
        // An empty actor: the lab says at run time that it has none for this processor.
        fs::write(&out, b"").expect("the build's own folder can be written");
        return;
    }
    let layout = format!("-Wl,-T,{folder}/program/layout.ld");
    let link = [
        "-nostartfiles",
        "-nostdlib",
        "-static",
        "-no-pie",
        "-Wl,--build-id=none",
        "-Wl,-z,max-page-size=4096",
        &layout,
    ];
    let mut rustc = Command::new(variable("RUSTC"));
    rustc
        .args(["--edition", "2024", "--crate-name", "oomph_actor_program", "--crate-type", "bin"])
        .args(["--target", &variable("TARGET"), "-C", "panic=abort", "-C", "opt-level=2"])
        .args(["-C", "relocation-model=static", "-C", "target-feature=+crt-static"])
        .args(["-C", "strip=symbols", "-C", "debug-assertions=off", "-C", "overflow-checks=off"])
        .args(link.iter().flat_map(|argument| ["-C".to_owned(), format!("link-arg={argument}")]))
        .arg(Path::new(&folder).join("program/main.rs"))
        .args(["-o", &out]);
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.args(["-C", &format!("linker={linker}")]);
    }
    let status = rustc.status().expect("the compiler that builds this crate can be started");
    assert!(status.success(), "the actor could not be built: {rustc:?}");
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
