//! What the kernel counted since boot, and where to read more.

use rules::status::Lately;

use crate::amount::grouped;
use crate::page::Page;

/// Cgroups told by name.
const CGROUPS: usize = 3;

pub(super) fn section(page: &mut Page<'_>, lately: &Lately) {
    let kills = match lately.oom_kills {
        Some(0) => "no process killed for lack of memory since boot".to_owned(),
        Some(1) => "1 process killed for lack of memory since boot".to_owned(),
        Some(n) => format!("{} processes killed for lack of memory since boot", grouped(n)),
        None => "kills since boot: ? the kernel's count could not be read (it has one since 4.13)"
            .to_owned(),
    };
    page.heading("Lately", &kills);
    for group in lately.cgroups.iter().take(CGROUPS) {
        let path = page.style.name(&group.path);
        let limit = match group.max {
            Some(n) => format!(", limit hit {} times", grouped(n)),
            None => String::new(),
        };
        page.sentence(&format!("{} in cgroup {path}{limit}", grouped(group.oom_kill)));
    }
    let more = lately.cgroups.len().saturating_sub(CGROUPS);
    if more > 0 {
        page.sentence(&format!("and {more} more cgroups with kills"));
    }
    if let Some(stalls) = lately.direct_reclaims.filter(|&n| n > 0) {
        page.labelled("stalls", &format!("{} requests had to wait for reclaim", grouped(stalls)));
    }
    if !lately.where_to_look.is_empty() {
        let commands: Vec<String> =
            lately.where_to_look.iter().map(|command| format!("`{command}`")).collect();
        page.labelled("look", &commands.join(", "));
    }
}
