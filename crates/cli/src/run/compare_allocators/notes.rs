//! What is known of a command before it runs, and bears on the figures.

use std::env;

use rules::allocators::KNOWN;
use trial::Program;

use super::name;

/// One sentence each.
pub(super) fn before(program: &Program, has_empty: bool) -> Vec<String> {
    let mut notes = Vec::new();
    let path = name(program.path.as_os_str());
    if let Some(script) = &program.script {
        notes.push(format!("{} is a script; {path} runs it.", name(script.as_os_str())));
    }
    if program.own_malloc {
        notes.push(format!(
            "{path} defines malloc itself, which goes before every library: the columns may well be \
             the same."
        ));
    }
    if program.go {
        notes.push(format!(
            "{path} is written in Go, which has an allocator of its own: only what its C code \
             allocates can differ."
        ));
    }
    for library in &program.needed {
        let file = library.to_string_lossy();
        let is_known =
            |known: &&rules::allocators::Known| file.starts_with(&format!("lib{}", known.name));
        if let Some(known) = KNOWN.iter().find(is_known) {
            notes.push(format!(
                "{path} is linked with {}: what is called glibc here is {}.",
                name(library),
                known.name
            ));
        }
    }
    if let Some(preload) = env::var_os("LD_PRELOAD").filter(|value| !value.is_empty()) {
        notes.push(format!("LD_PRELOAD={} holds for all columns, too.", name(&preload)));
    }
    if !has_empty {
        notes.push(
            "There is no `true` that is loaded as the command is, and so what a program that does \
             nothing costs is unknown."
                .to_owned(),
        );
    }
    notes
}
