//! What the kernel counted since boot.

use facts::{CgroupVersion, Name, Snapshot};

use super::{CgroupKills, Lately};

/// Kills, stalls, and where to read more.
pub(super) fn lately(snapshot: &Snapshot) -> Lately {
    let mut cgroups: Vec<CgroupKills> = snapshot
        .cgroups
        .groups
        .iter()
        .filter_map(|(path, group)| {
            let oom_kill = group.events.oom_kill.filter(|&kills| kills > 0)?;
            Some(CgroupKills { path: path.clone(), oom_kill, max: group.events.max })
        })
        .collect();
    // Stable: those with as many kills stay in the order of their paths, parents first.
    cgroups.sort_by_key(|kills| std::cmp::Reverse(kills.oom_kill));

    let mut where_to_look = vec![
        "journalctl -k -g 'oom-kill|Out of memory'".to_owned(),
        "dmesg -T | grep -i oom".to_owned(),
    ];
    // The deepest of those with the most kills: v2 counts a kill in every ancestor too.
    let most = cgroups.first().map(|first| first.oom_kill);
    let worst = cgroups.iter().take_while(|kills| Some(kills.oom_kill) == most).last();
    if let Some(worst) = worst {
        where_to_look.push(format!("cat {}", events_file(snapshot, &worst.path)));
    }
    Lately {
        // `allocstall` was one line until 4.7; since 4.8 there is one a zone.
        direct_reclaims: snapshot
            .vmstat
            .get("allocstall")
            .or_else(|| snapshot.vmstat.sum_of_prefix("allocstall_")),
        oom_kills: snapshot.vmstat.get("oom_kill"),
        uptime_s: snapshot.uptime_s,
        cgroups,
        where_to_look,
    }
}

/// The file that counts a cgroup's kills, where such hierarchies are usually mounted, quoted for a
/// shell when it must be.
fn events_file(snapshot: &Snapshot, path: &Name) -> String {
    let path = path.to_string();
    let path = path.trim_end_matches('/');
    let file = match snapshot.cgroups.version {
        Some(CgroupVersion::V1) => format!("/sys/fs/cgroup/memory{path}/memory.oom_control"),
        _ => format!("/sys/fs/cgroup{path}/memory.events"),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:@".contains(c);
    if file.chars().all(plain) { file } else { format!("'{}'", file.replace('\'', r"'\''")) }
}
