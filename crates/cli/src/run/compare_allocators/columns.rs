//! Which columns there are: glibc, the allocators that are installed, other settings.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use facts::Name;
use rules::allocators::{Absent, ColumnRuns, KNOWN, Known};
use trial::library::{self, Places};
use trial::{Program, loader};

use crate::args::CompareAllocatorsArgs;
use crate::failure::Failure;

/// A column before anything ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) name: Name,
    pub(super) library: Option<PathBuf>,
    pub(super) environment: Vec<(OsString, OsString)>,
}

impl Planned {
    pub(super) fn column(&self) -> ColumnRuns {
        let setting = |(name, value): &(OsString, OsString)| {
            let both = [name.as_bytes(), b"=", value.as_bytes()].concat();
            Name::new(both)
        };
        ColumnRuns {
            name: self.name.clone(),
            library: self.library.as_ref().map(|path| super::name(path.as_os_str())),
            environment: self.environment.iter().map(setting).collect(),
            ..ColumnRuns::default()
        }
    }
}

/// All columns, and what cannot be one.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) columns: Vec<Planned>,
    pub(super) absent: Vec<Absent>,
    pub(super) notes: Vec<String>,
}

/// glibc comes first, whatever was asked for: it is what the others are held against.
pub(super) fn plan(args: &CompareAllocatorsArgs, program: &Program) -> Result<Plan, Failure> {
    let mut plan = Plan::default();
    plan.columns.push(Planned { name: "glibc".into(), library: None, environment: Vec::new() });
    let places = Places::of_this_machine();
    let distribution = trial::machine::distribution();
    if args.allocators.is_empty() {
        for known in KNOWN {
            plan.known(known, &places, program, &distribution);
        }
    }
    for wanted in &args.allocators {
        if wanted == "glibc" {
            continue;
        }
        if wanted.as_bytes().contains(&b'/') {
            plan.named(wanted, program)?;
        } else if let Some(known) = KNOWN.iter().find(|known| wanted == known.name) {
            plan.known(known, &places, program, &distribution);
        } else {
            let names: Vec<&str> = KNOWN.iter().map(|known| known.name).collect();
            return Err(Failure::new(format!("there is no allocator `{}`", super::name(wanted)))
                .hint(format!("known are glibc, {}, and paths with a `/`", names.join(", "))));
        }
    }
    let known = program.loader.as_ref().and_then(loader::tunables);
    for line in &args.tunables {
        plan.tunables(line, known.as_deref())?;
    }
    Ok(plan)
}

impl Plan {
    fn known(&mut self, known: &Known, places: &Places, program: &Program, distribution: &str) {
        let found = places.find(known.libraries, program);
        match found.library {
            Some(path) => self.columns.push(Planned {
                name: known.name.into(),
                library: Some(path),
                environment: Vec::new(),
            }),
            None => self.absent.push(Absent {
                name: known.name.to_owned(),
                library: known.libraries.first().copied().unwrap_or_default().to_owned(),
                install: rules::allocators::install(known, distribution),
                unfit: found.unfit.iter().map(|path| super::name(path.as_os_str())).collect(),
            }),
        }
    }

    fn named(&mut self, wanted: &OsStr, program: &Program) -> Result<(), Failure> {
        let path = library::named(Path::new(wanted), program).map_err(|why| {
            Failure::new(format!("cannot preload `{}`: {why}", super::name(wanted)))
        })?;
        let file = path.file_name().unwrap_or(wanted);
        self.columns.push(Planned {
            name: super::name(file),
            library: Some(path.clone()),
            environment: Vec::new(),
        });
        Ok(())
    }

    fn tunables(&mut self, line: &str, known: Option<&[String]>) -> Result<(), Failure> {
        let settings = settings(line).map_err(Failure::new)?;
        let (mut tunables, mut environment) = (String::new(), Vec::new());
        for setting in settings {
            match setting {
                Setting::Tunable(name, value) => {
                    if known.is_some_and(|known| !known.contains(&name)) {
                        self.notes.push(format!(
                            "This C library has no tunable {name}, and passes over it in silence."
                        ));
                    }
                    let colon = if tunables.is_empty() { "" } else { ":" };
                    tunables = format!("{tunables}{colon}{name}={value}");
                }
                Setting::Variable(name, value) => {
                    environment.push((name.into(), value.into()));
                }
            }
        }
        if !tunables.is_empty() {
            // What is set already holds for all columns; of one name the last one counts.
            let before = env::var_os("GLIBC_TUNABLES").filter(|value| !value.is_empty());
            let mut value = before.map_or(OsString::new(), |mut value| {
                value.push(":");
                value
            });
            value.push(&tunables);
            environment.push(("GLIBC_TUNABLES".into(), value));
        }
        self.columns.push(Planned {
            name: line.replace("glibc.malloc.", "").replace("GLIBC_TUNABLES=", "").as_str().into(),
            library: None,
            environment,
        });
        Ok(())
    }
}

/// One setting of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Setting {
    /// `glibc.malloc.tcache_count`, `0`.
    Tunable(String, String),
    /// `MALLOC_ARENA_MAX`, `1`.
    Variable(String, String),
}

/// `tcache_count=0:glibc.malloc.mxfast=0`, `GLIBC_TUNABLES=…` as it is pasted, and `MALLOC_ARENA_MAX=1`;
/// colons or blanks between.
fn settings(line: &str) -> Result<Vec<Setting>, String> {
    let line = line.trim();
    let line = line.strip_prefix("GLIBC_TUNABLES=").unwrap_or(line);
    let wrong = |part: &str| {
        format!(
            "cannot set `{}`: expected NAME=VALUE such as tcache_count=0 or MALLOC_ARENA_MAX=1",
            Name::from(part)
        )
    };
    let mut all = Vec::new();
    for part in line.split([':', ' ']).filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or_else(|| wrong(part))?;
        let is_name = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._".contains(&b))
        };
        if !is_name(name) || value.contains('\0') {
            return Err(wrong(part));
        }
        let (name, value) = (name.to_owned(), value.to_owned());
        all.push(if name.contains('.') {
            Setting::Tunable(name, value)
        } else if name.bytes().any(|b| b.is_ascii_uppercase()) {
            Setting::Variable(name, value)
        } else {
            Setting::Tunable(format!("glibc.malloc.{name}"), value)
        });
    }
    if all.is_empty() { Err(wrong(line)) } else { Ok(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tunables_are_taken_long_short_and_pasted() {
        let tunable = |name: &str, value: &str| Setting::Tunable(name.into(), value.into());
        let both =
            vec![tunable("glibc.malloc.tcache_count", "0"), tunable("glibc.malloc.mxfast", "0")];
        assert_eq!(settings("tcache_count=0:glibc.malloc.mxfast=0"), Ok(both.clone()));
        assert_eq!(settings("GLIBC_TUNABLES=glibc.malloc.tcache_count=0:mxfast=0"), Ok(both));
        let rtld = vec![tunable("glibc.rtld.nns", "9")];
        assert_eq!(settings(" glibc.rtld.nns=9 "), Ok(rtld));
        let variable = vec![Setting::Variable("MALLOC_ARENA_MAX".into(), "1".into())];
        assert_eq!(settings("MALLOC_ARENA_MAX=1"), Ok(variable));
    }

    #[test]
    fn a_line_that_sets_nothing_is_refused() {
        for line in ["", "tcache", "=1", "a-b=1"] {
            let error = settings(line).unwrap_err();
            assert!(error.contains("expected NAME=VALUE"), "{error}");
        }
    }
}
