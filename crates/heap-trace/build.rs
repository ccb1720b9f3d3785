//! Builds the library that `oomph trace` loads before a program: it has no standard library, and asks
//! for nothing but the compiler and the linker that this crate is built with.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

fn main() {
    let out = variable("OUT_DIR") + "/preload.so";
    let folder = variable("CARGO_MANIFEST_DIR") + "/preload";
    println!("cargo::rerun-if-changed={folder}");
    println!("cargo::rerun-if-changed=build.rs");
    let known = variable("CARGO_CFG_TARGET_ARCH") == "x86_64"
        && variable("CARGO_CFG_TARGET_OS") == "linux"
        && variable("CARGO_CFG_TARGET_POINTER_WIDTH") == "64";
    if !known {
        // Empty: `oomph trace` says that it has none for this processor.
        fs::write(&out, b"").expect("the build's own folder can be written");
        return;
    }
    // It is loaded into programs of glibc, whatever this crate itself is linked with; without the
    // C library on the linker's command line its symbols have no versions, and any release will do.
    let link = ["-nostartfiles", "-nostdlib", "-Wl,--build-id=none", "-Wl,-z,undefs"];
    let mut rustc = Command::new(variable("RUSTC"));
    rustc
        .args(["--edition", "2024", "--crate-name", "oomph_preload", "--crate-type", "cdylib"])
        .args(["--target", &variable("TARGET"), "-C", "panic=abort", "-C", "opt-level=3"])
        .args(["-C", "target-feature=-crt-static", "-C", "relocation-model=pic"])
        .args(["-C", "strip=symbols", "-C", "debug-assertions=off", "-C", "overflow-checks=off"])
        .args(link.iter().flat_map(|argument| ["-C".to_owned(), format!("link-arg={argument}")]))
        .arg(Path::new(&folder).join("lib.rs"))
        .args(["-o", &out]);
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.args(["-C", &format!("linker={linker}")]);
    }
    let status = rustc.status().expect("the compiler that builds this crate can be started");
    assert!(status.success(), "the library could not be built: {rustc:?}");
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
