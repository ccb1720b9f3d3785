//! Rows for spreadsheets: RFC 4180, sizes in bytes, an empty field where nothing is known.

use rules::usage::{Field, UnreadMemory, UsageReport, UsageRow};
use units::Bytes;

use crate::csv::line;

/// Columns for which a row has nothing to say are there all the same: scripts count them.
pub fn usage_csv(report: &UsageReport, columns: Option<&[Field]>) -> String {
    let all: Vec<Field> = Field::all().collect();
    let columns = columns.unwrap_or(&all);
    let mut out = String::new();
    let heads = columns.iter().map(|field| field.name()).chain(["unread", "at-most"]);
    line(&mut out, heads.map(str::to_owned));
    for row in &report.rows {
        let fields = columns.iter().map(|&field| value(row, field));
        let unread = row.unread.as_ref();
        let count = unread.map_or(0, |unread: &UnreadMemory| unread.processes).to_string();
        let most = bytes(unread.and_then(|unread| unread.at_most));
        line(&mut out, fields.chain([count, most]));
    }
    out
}

fn value(row: &UsageRow, field: Field) -> String {
    let name = |name: Option<&facts::Name>| name.map(ToString::to_string).unwrap_or_default();
    let sizes = &row.sizes;
    match field {
        Field::Pid => row.pid.map(|pid| pid.to_string()).unwrap_or_default(),
        Field::User => match (&row.user, row.uid) {
            (Some(user), _) => user.to_string(),
            (None, Some(uid)) => uid.to_string(),
            (None, None) => String::new(),
        },
        Field::Unit => row.unit.as_ref().map(|u| u.label().to_string()).unwrap_or_default(),
        Field::Cgroup => name(row.cgroup.as_ref()),
        Field::Processes => row.processes.to_string(),
        Field::Mappings => row.mappings.map(|n| n.to_string()).unwrap_or_default(),
        Field::Percent => row
            .percent
            .map(|p| format!("{}.{:02}", p.hundredths() / 100, p.hundredths() % 100))
            .unwrap_or_default(),
        Field::Name => name(row.name.as_ref()),
        Field::Command => name(row.command.as_ref()),
        Field::Uss => bytes(sizes.uss),
        Field::Pss => bytes(sizes.pss),
        Field::Subtree => bytes(row.subtree.as_ref().and_then(|sizes| sizes.pss)),
        Field::Rss => bytes(sizes.rss),
        Field::Swap => bytes(sizes.swap),
        Field::SwapPss => bytes(sizes.swap_pss),
        Field::Anon => bytes(sizes.anon),
        Field::File => bytes(sizes.file),
        Field::Shmem => bytes(sizes.shmem),
        Field::Hugetlb => bytes(sizes.hugetlb),
        Field::Memory => {
            bytes(sizes.pss.map(|pss| pss.saturating_add(sizes.hugetlb.unwrap_or_default())))
        }
    }
}

fn bytes(size: Option<Bytes>) -> String {
    size.map(|size| size.get().to_string()).unwrap_or_default()
}
