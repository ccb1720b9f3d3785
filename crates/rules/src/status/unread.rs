//! What could not be read, and how much memory may hide there.

use facts::{Field, Snapshot, Task};
use units::Bytes;

use super::Unread;
use crate::eligible::some_are_hidden;
use crate::rank::RankReport;

/// Places and processes that could not be read.
pub(super) fn unread(snapshot: &Snapshot, ranking: &RankReport) -> Unread {
    let processes = snapshot.tasks.iter().filter(|task| unreadable(task, ranking)).count();
    Unread {
        places: snapshot.missing.clone(),
        processes,
        hidden_anon: (processes > 0 || some_are_hidden(snapshot))
            .then(|| hidden_anon(snapshot))
            .flatten(),
    }
}

/// A process that may have memory and does not tell. Threads of the kernel and zombies have none.
fn unreadable(task: &Task, ranking: &RankReport) -> bool {
    ranking.unreadable.contains(&task.pid)
        || (task.rss.is_none()
            && task.vm_rss.is_none()
            && task.is_kernel_thread() != Some(true)
            && !matches!(task.state, Some('Z' | 'X')))
}

/// `AnonPages` less what the readable processes map. Pages shared by fork are counted once on the
/// left and once a process on the right, so this is a lower bound, and nothing when it is negative.
fn hidden_anon(snapshot: &Snapshot) -> Option<Bytes> {
    let all = snapshot.meminfo.get(Field::AnonPages)?;
    let told: Vec<Bytes> = snapshot.tasks.iter().filter_map(|task| task.rss_anon).collect();
    // Before 4.5 no process tells.
    let tells = !told.is_empty() || snapshot.tasks.is_empty();
    tells.then(|| all.checked_sub(told.into_iter().sum())).flatten().filter(|&b| b > Bytes::ZERO)
}
