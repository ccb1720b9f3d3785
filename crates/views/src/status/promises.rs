//! What the kernel has promised, against what it could keep.

use facts::OvercommitMode;
use rules::status::Promises;

use crate::amount::{long, share};
use crate::page::Page;
use crate::words;

pub(super) fn section(page: &mut Page<'_>, promises: &Promises) {
    let mode = match (promises.mode, promises.largest_request) {
        (Some(OvercommitMode::Heuristic), Some(largest)) => {
            format!("heuristic (0): refuses only one request above {largest}")
        }
        (Some(mode), _) => words::overcommit(mode).to_owned(),
        (None, _) => "? vm.overcommit_memory could not be read".to_owned(),
    };
    page.heading("Promises", &mode);

    let mut committed = long(promises.committed);
    if let (Some(part), Some(whole)) = (promises.committed, promises.limit)
        && let Some(share) = share(part, whole)
    {
        committed = format!("{committed}, {share} of the limit {whole}");
        let enforced = match promises.mode {
            Some(OvercommitMode::Never) => "",
            Some(_) => " (not enforced)",
            None => " (enforced in strict mode alone)",
        };
        committed.push_str(enforced);
    }
    page.labelled("promised", &committed);

    let touched = match (promises.resident, promises.virtual_size) {
        (Some(resident), Some(size)) => {
            let share = promises.resident_share.map_or_else(String::new, |s| format!(" ({s})"));
            format!("{resident} of {size} of all processes' address space{share}")
        }
        _ => "?".to_owned(),
    };
    page.labelled("in RAM", &touched);
}
