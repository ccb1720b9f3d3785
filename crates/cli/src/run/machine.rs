//! The machine that was asked about.

use facts::oom_report::OomReport;
use facts::{Name, Release, Snapshot};
use rules::report_machine::ReportMachine;
use sources::{ReportedMachine, Source, Want};

use crate::failure::Failure;

/// Opens what `--from` names. A report in a log is looked at by the rules of `kernel`, where it is
/// given.
pub(super) fn open(from: &str, kernel: Option<Release>) -> Result<Source, Failure> {
    let of_report = |report: &OomReport, origin: String| {
        let machine = rules::machine_of_report(report, origin, kernel);
        let ReportMachine { snapshot, account, group } = machine;
        ReportedMachine { snapshot, account, group }
    };
    sources::open_or_report(from, &of_report).map_err(|error| {
        let mut failure = Failure::new(error.to_string());
        if let Some(cause) = std::error::Error::source(&error) {
            failure = failure.because(cause);
        }
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })
}

/// Opens what `--from` names, for what no report in a log tells: `what`, as in "prints no …".
pub(super) fn open_whole(from: &str, what: &str) -> Result<Source, Failure> {
    let source = open(from, None)?;
    match source.report() {
        None => Ok(source),
        Some(report) => {
            let origin = &report.snapshot.origin;
            Err(Failure::new(format!("{origin}: an OOM report prints no {what}"))
                .hint("`rank`, `status` and `ledger` look at a report, and `explain` explains it"))
        }
    }
}

/// Reads it, and the memory cgroup that was asked for, if one was.
///
/// With it comes the cgroup to judge: that one, or where a report was asked about, the one whose
/// limit was hit.
pub(super) fn snapshot(
    from: &str,
    kernel: Option<Release>,
    mut want: Want,
    cgroup: Option<Name>,
) -> Result<(Snapshot, Option<Name>), Failure> {
    want.groups.extend(cgroup.clone());
    let mut source = open(from, kernel)?;
    let snapshot = source.snapshot(&want);
    match &cgroup {
        Some(path) if !is_there(path, &snapshot) => Err(no_such_group(path, &snapshot)),
        _ => {
            let hit = || source.report().and_then(|report| report.group.clone());
            let cgroup = cgroup.or_else(hit);
            Ok((snapshot, cgroup))
        }
    }
}

/// Whether anything is known about a group: a file of it, or a process in it or below it.
fn is_there(path: &Name, snapshot: &Snapshot) -> bool {
    let known = snapshot.cgroups.groups.get(path).is_some_and(|g| *g != facts::Cgroup::default());
    known
        || snapshot.tasks.iter().any(|task| {
            let Some(group) = &task.cgroup else { return false };
            let below = group.as_bytes().strip_prefix(path.as_bytes());
            below.is_some_and(|rest| rest.is_empty() || rest[0] == b'/' || path.as_bytes() == b"/")
        })
}

fn no_such_group(path: &Name, snapshot: &Snapshot) -> Failure {
    let failure = Failure::new(format!("no memory cgroup `{path}` in {}", snapshot.origin));
    match snapshot.cgroups.groups.len() {
        0 => failure.hint("no memory cgroup at all could be found there"),
        _ if path.as_bytes().starts_with(b"/sys/") => {
            failure.hint("the path starts below the mount point: `/system.slice/web.service`")
        }
        _ => failure.hint("`cat /proc/PID/cgroup` prints the path of a process's group"),
    }
}

/// The path of a group as the kernel writes it: from the root, no slash at the end.
pub(super) fn group_path(text: &str) -> Name {
    let inner = text.trim_matches('/');
    Name::from(format!("/{inner}").as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_named_from_the_root_without_a_slash_at_the_end() {
        for (text, path) in [("/a/b/", "/a/b"), ("a", "/a"), ("/", "/"), ("", "/")] {
            assert_eq!(group_path(text), Name::from(path));
        }
    }
}
