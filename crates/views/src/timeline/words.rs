//! What another program said, in one sentence.

use facts::{Act, FigureOf, Notice, Speaker};

use super::figure;
use crate::style::Style;

/// A program's name, as it calls itself.
pub fn named(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::Kernel => "the kernel",
        Speaker::Systemd => "systemd",
        Speaker::SystemdOomd => "systemd-oomd",
        Speaker::Earlyoom => "earlyoom",
        Speaker::Kubelet => "the kubelet",
        Speaker::Containerd => "containerd",
        Speaker::Dockerd => "Docker",
        Speaker::NodeProblemDetector => "node-problem-detector",
        Speaker::LowMemoryKiller => "lowmemorykiller",
        Speaker::Lmkd => "lmkd",
        Speaker::Shell => "a shell",
        Speaker::Logger => "the logger",
    }
}

/// `systemd-oomd, not the kernel: killed /user.slice/… for memory pressure …`.
pub fn notice(notice: &Notice, style: &Style) -> String {
    let speaker = named(notice.speaker);
    let what = subject(notice, style);
    let said = match notice.act {
        Act::Killed => format!("{speaker}, not the kernel's OOM killer, killed {what}"),
        Act::Terminated => {
            format!("{speaker}, not the kernel's OOM killer, asked {what} to end (SIGTERM)")
        }
        Act::Evicted => format!("{speaker} evicted {what}"),
        Act::ToldOfKill => match notice.count {
            Some(count) => format!("{speaker}: {count} killed by the kernel in {what}"),
            None => format!("{speaker}: killed by the kernel: {what}"),
        },
        Act::ToldOfEither => format!("{speaker}: {what} failed with result `oom-kill`"),
        Act::ToldOfOomd => match notice.count {
            Some(count) => format!("{speaker}: systemd-oomd killed {count} processes of {what}"),
            None => format!("{speaker}: systemd-oomd killed processes of {what}"),
        },
        Act::Ended if notice.signal.is_some() => {
            format!("{speaker}: {what} ended by {}", signal(notice, style))
        }
        Act::Ended => format!("{speaker}: {what} ended"),
        Act::Warned => format!("{speaker}: memory is short"),
        Act::LeftOut => format!("{speaker} left lines out"),
    };
    let mut details: Vec<String> = Vec::new();
    if let Some(reason) = &notice.reason
        && notice.figures.is_empty()
    {
        details.push(style.name(reason));
    }
    let shown = |of: FigureOf| !matches!(of, FigureOf::MemoryTotal | FigureOf::SwapTotal);
    let figures = notice.figures.iter().filter(|one| shown(one.of));
    details.extend(figures.map(|one| figure(one.of, one.value)));
    if details.is_empty() { said } else { format!("{said}: {}", details.join(", ")) }
}

fn signal(notice: &Notice, style: &Style) -> String {
    notice.signal.as_ref().map_or_else(String::new, |signal| style.name(signal))
}

fn subject(notice: &Notice, style: &Style) -> String {
    let pid = notice.pid.map(|pid| format!("pid {pid}"));
    match (&notice.name, pid) {
        (Some(name), Some(pid)) => return format!("{} ({pid})", style.name(name)),
        (Some(name), None) => return style.name(name),
        (None, Some(pid)) => return pid,
        (None, None) => {}
    }
    if let Some(path) = notice.cgroup.as_ref().or(notice.unit.as_ref()).or(notice.pod.as_ref()) {
        return style.name(path);
    }
    match &notice.container {
        // Twelve digits are what the tools show.
        Some(id) => format!("container {}", style.name(id).chars().take(12).collect::<String>()),
        None => "somebody".to_owned(),
    }
}
