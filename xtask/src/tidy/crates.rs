//! The manifests: who depends on whom, and why.

use crate::{Stop, repository};
use serde_json::Value;
use std::path::Path;

/// What cargo knows about our own crates.
pub(super) fn metadata(root: &Path) -> Result<Value, Stop> {
    let output = repository::cargo()
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root)
        .output()
        .map_err(|err| format!("cannot start cargo: {err}"))?;
    if !output.status.success() {
        return Err(format!(
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|err| format!("cargo metadata printed no JSON: {err}"))
}

/// The manifests of our own crates.
pub(super) fn manifests(metadata: &Value) -> Vec<String> {
    packages(metadata).filter_map(|package| text(package, "manifest_path")).collect()
}

/// Where the dependencies of our crates on each other differ from the picture.
pub(super) fn picture(metadata: &Value, picture: &[(&str, &[&str])]) -> Vec<String> {
    let mut found = Vec::new();
    for package in packages(metadata) {
        let name = text(package, "name").unwrap_or_default();
        let Some((_, allowed)) = picture.iter().find(|(known, _)| *known == name) else {
            found.push(format!("the crate {name} is not in the picture of the crates"));
            continue;
        };
        for dependency in list(package, "dependencies") {
            let ours = dependency.get("path").is_some_and(|path| !path.is_null());
            let for_tests = dependency.get("kind").and_then(Value::as_str) == Some("dev");
            let on = text(dependency, "name").unwrap_or_default();
            if ours && !for_tests && !allowed.contains(&on.as_str()) {
                found.push(format!("{name} depends on {on}, which the picture does not allow"));
            }
        }
    }
    found
}

/// What is untidy in the manifest of the workspace.
pub(super) fn workspace_manifest(manifest: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut section = "";
    let mut explained = false;
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        }
        if line.is_empty() || line.starts_with('[') {
            explained = false;
        } else if line.starts_with('#') {
            explained = true;
        } else if section == "[workspace.dependencies]" && !explained {
            let name = line.split(['=', ' ']).next().unwrap_or(line);
            found.push(format!(
                "the dependency {name} has no comment above it that gives the reason"
            ));
        }
    }
    if !manifest.lines().any(|line| line.trim() == "unsafe_code = \"deny\"") {
        found.push("the lints of the workspace do not deny unsafe code".to_owned());
    }
    found
}

/// What is untidy in the manifest of one crate.
pub(super) fn member_manifest(path: &str, manifest: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut section = "";
    let mut takes_lints = false;
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if line.is_empty() || line.starts_with('#') {
        } else if section == "[lints]" {
            takes_lints |= line == "workspace = true";
        } else if section.ends_with("dependencies]") && !line.contains("workspace") {
            found.push(format!("{path}: `{line}` does not take its version from the workspace"));
        }
    }
    if !takes_lints {
        found.push(format!("{path} does not take the lints of the workspace"));
    }
    found
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    list(metadata, "packages")
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text(value: &Value, key: &str) -> Option<String> {
    Some(value.get(key)?.as_str()?.to_owned())
}
