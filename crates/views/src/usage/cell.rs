//! What stands in a cell.

use rules::usage::{Field, Grouping, Sizes, UnreadMemory, UsageReport, UsageRow};
use units::{Bytes, Percent};

use super::SizeUnit;
use crate::amount;
use crate::style::Style;

/// How cells are written.
pub(super) struct Cells<'a> {
    pub(super) report: &'a UsageReport,
    pub(super) unit: SizeUnit,
    pub(super) style: &'a Style,
}

impl Cells<'_> {
    pub(super) fn of(&self, row: &UsageRow, field: Field) -> String {
        let style = self.style;
        let dash = || "-".to_owned();
        match field {
            Field::Pid => row.pid.map_or_else(dash, |pid| pid.to_string()),
            Field::User => {
                if row.pid.is_some() || self.report.by == Grouping::User {
                    crate::rank::user(row.user.as_ref(), row.uid, style)
                } else {
                    dash()
                }
            }
            Field::Unit => row.unit.as_ref().map_or_else(dash, |unit| style.name(&unit.label())),
            Field::Cgroup => row.cgroup.as_ref().map_or_else(dash, |path| style.name(path)),
            Field::Processes => amount::grouped(row.processes as u64),
            Field::Mappings => row.mappings.map_or_else(dash, amount::grouped),
            Field::Percent => self.percent(row),
            Field::Subtree => match &row.subtree {
                Some(sizes) => {
                    let unread = row.subtree_unread.as_ref().map(|unread| unread.at_most);
                    self.range(sizes.pss, unread, field)
                }
                None => dash(),
            },
            Field::Name => self.name(row),
            Field::Command => match &row.command {
                Some(line) if !line.as_bytes().is_empty() => style.name(line),
                _ => self.name(row),
            },
            size => self.size(&row.sizes, row.unread.as_ref(), size),
        }
    }

    /// The last row: what could be read, without those that stand below it.
    pub(super) fn total(&self, field: Field) -> String {
        let report = self.report;
        match field {
            Field::Processes if report.by != Grouping::Mapping => {
                amount::grouped(report.processes as u64)
            }
            Field::Percent => report.total_percent.map_or_else(|| "?".to_owned(), percent_text),
            Field::Subtree => self.exact(report.total.pss, field),
            Field::Name if report.unread.is_some() => "total counted".to_owned(),
            Field::Name => "total".to_owned(),
            Field::Pid
            | Field::User
            | Field::Unit
            | Field::Cgroup
            | Field::Command
            | Field::Processes
            | Field::Mappings => String::new(),
            size => self.size(&report.total, None, size),
        }
    }

    fn name(&self, row: &UsageRow) -> String {
        let style = self.style;
        let mut text = "  ".repeat(row.depth.unwrap_or(0).min(40));
        text.push_str(&crate::rank::name(row.name.as_ref(), style));
        if let Some(of) = row.twin_of {
            text = format!("{text} (shares the memory of {of})");
        }
        match row.twins.as_slice() {
            [] => text,
            [one] => format!("{text} (with {one})"),
            [one, rest @ ..] => format!("{text} (with {one} and {} more)", rest.len()),
        }
    }

    fn percent(&self, row: &UsageRow) -> String {
        row.percent.map_or_else(
            || {
                let bound = row.unread.as_ref().and_then(|unread| unread.at_most);
                let most = bound.zip(self.report.memory_total);
                most.and_then(|(part, whole)| Percent::of(part.get(), whole.get())).map_or_else(
                    || "?".to_owned(),
                    |p| {
                        // A bound is rounded up.
                        let up = Percent::from_hundredths(p.hundredths().saturating_add(9));
                        format!("{}{}", self.style.signs().at_most, percent_text(up))
                    },
                )
            },
            percent_text,
        )
    }

    fn size(&self, sizes: &Sizes, unread: Option<&UnreadMemory>, field: Field) -> String {
        let bound = |of: fn(&UnreadMemory) -> Option<Bytes>| unread.map(of);
        let sum = |size: Option<Bytes>, more: Option<Option<Bytes>>| match (size, more) {
            (size, None) => size,
            // Nothing but the bound is known, and it is exact.
            (None, Some(more)) => more,
            (Some(size), Some(more)) => Some(size.saturating_add(more?)),
        };
        match field {
            Field::Uss => self.range(sizes.uss, bound(|u| u.at_most), field),
            Field::Anon => self.range(sizes.anon, bound(|u| u.anon_at_most), field),
            Field::File => self.range(sizes.file, bound(|u| u.file_at_most), field),
            Field::Shmem => self.range(sizes.shmem, bound(|u| u.shmem_at_most), field),
            Field::SwapPss => self.range(sizes.swap_pss, bound(|u| u.swap_at_most), field),
            Field::Memory => {
                let huge = sum(sizes.hugetlb, bound(|u| u.hugetlb)).unwrap_or_default();
                let pss = sizes.pss.map(|pss| pss.saturating_add(huge));
                self.range(pss, bound(|u| u.at_most), field)
            }
            Field::Rss => self.exact(sum(sizes.rss, bound(|u| u.at_most)), field),
            Field::Swap => self.exact(sum(sizes.swap, bound(|u| u.swap_at_most)), field),
            Field::Hugetlb => self.exact(sum(sizes.hugetlb, bound(|u| u.hugetlb)), field),
            _ => self.range(sizes.pss, bound(|u| u.at_most), field),
        }
    }

    /// What is known, and what comes to it at most, where not all is known.
    #[expect(clippy::option_option, reason = "nothing is unread, or what is has no bound")]
    fn range(&self, size: Option<Bytes>, more: Option<Option<Bytes>>, field: Field) -> String {
        let signs = self.style.signs();
        match (size, more) {
            (size, None) => self.exact(size, field),
            (None, Some(None)) => "?".to_owned(),
            (None, Some(Some(Bytes::ZERO))) => self.text(Bytes::ZERO, field),
            (None, Some(Some(most))) => format!("{}{}", signs.at_most, self.text(most, field)),
            (Some(size), Some(None)) => format!(">{}", self.text(size, field)),
            (Some(size), Some(Some(more))) => {
                let (least, most) =
                    (self.text(size, field), self.text(size.saturating_add(more), field));
                if least == most {
                    return most;
                }
                // One unit is enough: `1.49–1.51Gi`.
                let is_digit = |c: char| c.is_ascii_digit() || c == '.';
                let (number, unit) = least.split_at(least.rfind(is_digit).map_or(0, |at| at + 1));
                let least = if most.ends_with(unit) { number } else { &least };
                format!("{least}{}{most}", signs.to)
            }
        }
    }

    fn exact(&self, size: Option<Bytes>, field: Field) -> String {
        match (size, self.unit) {
            (None, _) => "?".to_owned(),
            (Some(_), SizeUnit::Human) => amount::cell(size, self.style),
            (Some(size), _) => self.text(size, field),
        }
    }

    fn text(&self, size: Bytes, field: Field) -> String {
        let bytes = size.get();
        match self.unit {
            SizeUnit::Human => amount::short(size),
            SizeUnit::Bytes => bytes.to_string(),
            SizeUnit::KiB => size.kib().to_string(),
            SizeUnit::MiB => {
                let tenths = (u128::from(bytes) * 10) >> 20;
                format!("{}.{}", tenths / 10, tenths % 10)
            }
            SizeUnit::GiB => {
                let hundredths = (u128::from(bytes) * 100) >> 30;
                format!("{}.{:02}", hundredths / 100, hundredths % 100)
            }
            SizeUnit::Percent => {
                let whole = match field {
                    Field::Swap | Field::SwapPss => self.report.swap_total,
                    _ => self.report.memory_total,
                };
                whole
                    .and_then(|whole| Percent::of(bytes, whole.get()))
                    .map_or_else(|| "-".to_owned(), |p| format!("{p:.2}").replace(' ', ""))
            }
        }
    }
}

/// `12.3`.
fn percent_text(percent: Percent) -> String {
    format!("{percent:.1}").trim_end_matches(" %").to_owned()
}
