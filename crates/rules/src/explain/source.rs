//! Whose rules, and where in the text.

use facts::Release;
use facts::oom_report::{OomReport, Stamp, TaskColumns};
use units::PageSize;

use super::report::{ReportSource, RulesFrom};

/// Today: what is assumed when nothing tells.
const TODAY: Release = Release::new(6, 18);

pub(super) fn source(report: &OomReport, given: Option<Release>) -> ReportSource {
    let (rules_of, rules_from) = release(report, given);
    let stamp = report.lines.iter().find_map(|line| line.stamp.as_ref());
    ReportSource {
        first_line: report.lines.first().map(|line| line.number),
        last_line: report.lines.last().map(|line| line.number),
        boot_us: match stamp {
            Some(Stamp::Boot(us)) => Some(*us),
            _ => None,
        },
        time: match stamp {
            Some(Stamp::Wall(text)) => Some(text.clone()),
            _ => None,
        },
        kernel: report.reporter.version.clone(),
        rules_of,
        rules_from,
        page_size: report.page_size.unwrap_or(PageSize::KIB_4).bytes(),
        page_size_known: report.page_size.is_some(),
    }
}

/// The release whose rules hold for a report, and whether anything tells it.
pub(crate) fn rules_of(report: &OomReport, given: Option<Release>) -> (Release, bool) {
    let (release, from) = release(report, given);
    (release, from != RulesFrom::Assumed)
}

/// The release that the reader gave, that the text names, or that prints such lines. Where lines
/// changed less often than rules it is the middle of the range.
fn release(report: &OomReport, given: Option<Release>) -> (Release, RulesFrom) {
    if let Some(release) = given {
        return (release, RulesFrom::Given);
    }
    if let Some(release) = report.reporter.release {
        return (release, RulesFrom::Text);
    }
    // The score was printed until 5.0, the user since 5.4.
    let kill = report.kills.first();
    let printed_score = kill.is_some_and(|kill| kill.score.is_some());
    let names_flags = report
        .trigger
        .as_ref()
        .and_then(|trigger| trigger.gfp.as_ref())
        .is_some_and(|gfp| gfp.names.is_some());
    let layout = match report.tasks.as_ref().and_then(|table| table.columns) {
        Some(TaskColumns::CpuAdj) => Some(Release::old(2, 6, 32)),
        Some(TaskColumns::CpuAdjScoreAdj) => Some(Release::new(3, 2)),
        Some(TaskColumns::Ptes) => Some(Release::new(3, 16)),
        Some(TaskColumns::PtesPmds) if names_flags => Some(Release::new(4, 9)),
        Some(TaskColumns::PtesPmds) => Some(Release::new(4, 4)),
        Some(TaskColumns::PgtablesBytes) if printed_score => Some(Release::new(4, 19)),
        Some(TaskColumns::PgtablesBytes) => Some(Release::new(5, 15)),
        Some(TaskColumns::SplitRss) => Some(Release::new(6, 12)),
        None if report.oom_kill.is_some() => Some(Release::new(5, 15)),
        None => report.trigger.as_ref().and_then(|trigger| {
            let unnamed = trigger.gfp.is_some() && !names_flags;
            match (trigger.oom_adj, trigger.oom_score_adj) {
                (Some(_), None) => Some(Release::old(2, 6, 32)),
                (Some(_), Some(_)) => Some(Release::new(3, 2)),
                // Names of flags are printed since 4.6.
                (None, Some(_)) if unnamed => Some(Release::new(4, 4)),
                (None, _) => None,
            }
        }),
    };
    match layout {
        Some(release) => (release, RulesFrom::Layout),
        None => (TODAY, RulesFrom::Assumed),
    }
}
