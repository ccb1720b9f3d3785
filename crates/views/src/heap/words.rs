//! The sentences of the report.

use std::fmt::Write as _;

use rules::heap::{Axis, HeapReport, SettingResult, Waste};
use units::Bytes;

use crate::amount::{count, grouped};

/// The first sentence: how much more was held than was live.
pub(super) fn verdict(report: &HeapReport) -> String {
    let end = &report.end;
    let mut text = format!(
        "The heap held at most {} where at most {} were live; on average {} for {}; at the end {} for {}.",
        report.peak_held.held,
        report.peak_live.live,
        report.mean_held,
        report.mean_live,
        end.held,
        end.live
    );
    if let Some(abort) = &report.abort {
        text = format!("glibc ended the process: {abort}. {text}");
    }
    text
}

/// What was played, and how well it agrees with what was recorded.
pub(super) fn source(report: &HeapReport) -> Vec<String> {
    let mut first = format!("{}, recorded by {}: ", report.origin, report.recorder);
    if let Some(command) = &report.command {
        first.push_str(command);
    }
    let first = first.trim_end_matches(": ").to_owned();
    let mut second = format!("{} of {}", grouped_calls(report), threads(report.threads));
    if let Some(us) = report.duration_us.filter(|us| *us > 0) {
        let _ = write!(second, " in {}", seconds(us));
    }
    let evidence = if report.exact { "" } else { " (rules read in its source, not compared)" };
    let settings = if report.tunables.is_empty() {
        "default settings".to_owned()
    } else {
        format!("GLIBC_TUNABLES={}", report.tunables)
    };
    let _ = write!(second, "; glibc {}{evidence}, {settings}", report.glibc);
    let mut lines = vec![first, second];
    if report.failed > 0 {
        lines.push(format!("{} calls had failed and were not played", grouped(report.failed)));
    }
    if let Some(agreement) = &report.agreement {
        let equal = agreement.main_equal + agreement.other_equal;
        let all = agreement.main + agreement.other;
        lines.push(match &agreement.first {
            None => format!("the model puts all {} blocks where they were", grouped(all)),
            Some(first) => format!(
                "the model puts {} of {} blocks where they were; call {} is the first that differs",
                grouped(equal),
                grouped(all),
                grouped(first.call)
            ),
        });
    }
    lines
}

fn grouped_calls(report: &HeapReport) -> String {
    format!("{} calls", grouped(report.calls))
}

fn threads(number: u32) -> String {
    count(number as usize, "thread", "threads")
}

/// Microseconds as seconds or minutes.
pub(super) fn seconds(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{} ms", us / 1000),
        1_000_000..100_000_000 => format!("{}.{} s", us / 1_000_000, us / 100_000 % 10),
        _ => crate::amount::span(us / 1_000_000),
    }
}

/// Beside the chart's title: the legend, and how long too much was held.
pub(super) fn chart(report: &HeapReport) -> String {
    let over = match report.averaged_over {
        Axis::Time => "time",
        Axis::Calls => "calls",
    };
    let above = report.above.iter().rev().find(|above| above.share.hundredths() >= 500);
    match above {
        None => "dark is live, light is held beside it".to_owned(),
        Some(above) => format!(
            "dark is live, light is held beside it; more than {}.{} times what was live for {:.0} of the {over}",
            above.percent / 100,
            above.percent / 10 % 10,
            above.share
        ),
    }
}

/// When, and how much.
pub(super) fn waste_head(waste: &Waste) -> String {
    let moment = &waste.moment;
    format!(
        "behind call {}, {} are held, {} of it not live",
        grouped(moment.call),
        moment.held,
        moment.held.saturating_sub(moment.live)
    )
}

/// What lies free between live blocks.
pub(super) fn between(waste: &Waste) -> String {
    format!(
        "freed, in {} {} {} of the main heap",
        count(usize::try_from(waste.free_chunks).unwrap_or(usize::MAX), "chunk", "chunks"),
        if waste.live_blocks == 1 { "beside" } else { "between" },
        count(
            usize::try_from(waste.live_blocks).unwrap_or(usize::MAX),
            "live block",
            "live blocks"
        )
    )
}

/// What keeps it from being given back, and what would give it back.
pub(super) fn pinned(waste: &Waste) -> Vec<String> {
    let mut sentences = Vec::new();
    // Small change is not worth a sentence.
    let worth = Bytes::new(waste.moment.held.get() / 20);
    // The few blocks that keep the most: the best ratio of what is kept.
    let worthy = waste.pins.iter().filter(|pin| pin.joined >= worth && pin.joined > Bytes::ZERO);
    let best = worthy.max_by_key(|pin| pin.joined.get() / pin.blocks.max(1));
    if let Some(pin) = best {
        let blocks = match pin.blocks {
            1 => "one block".to_owned(),
            many => format!("the last {} blocks", grouped(many)),
        };
        let cached = match pin.cached_blocks {
            0 => "",
            all if all == pin.blocks => " (freed, but kept by a cache or a fast list)",
            _ => " (some freed, but kept by a cache or a fast list)",
        };
        let which = match (pin.lowest_call, pin.lowest_size) {
            (Some(call), Some(size)) if pin.blocks == 1 => {
                format!(", {size} that call {} allocated", grouped(call))
            }
            (Some(call), Some(size)) => format!(
                ", {} together; the lowest is {size} that call {} allocated",
                pin.bytes,
                grouped(call)
            ),
            _ => format!(", {}", pin.bytes),
        };
        sentences.push(format!(
            "{} of free memory lie below {blocks} at the end of the heap{cached}{which}: without them it would join \
             the free end and could be trimmed.",
            pin.joined
        ));
    }
    if waste.trimmable >= worth && waste.trimmable > Bytes::ZERO {
        sentences.push(format!("malloc_trim(0) here would give back {}.", waste.trimmable));
    }
    sentences
}

/// A setting as it is to be pasted.
pub(super) fn setting(setting: &SettingResult) -> String {
    let mut parts = Vec::new();
    if setting.played {
        parts.push("(as recorded)".to_owned());
    }
    if !setting.tunables.is_empty() {
        parts.push(format!("GLIBC_TUNABLES={}", setting.tunables));
    }
    parts.extend(setting.change.clone());
    if parts.is_empty() { "(defaults)".to_owned() } else { parts.join(" ") }
}

/// The best settings as lines for a shell: for the average, and for the peak if that is another.
pub(super) fn to_paste(settings: &[SettingResult], played: &SettingResult) -> Vec<String> {
    let only_tunables = || settings.iter().filter(|setting| setting.change.is_none());
    let mean = only_tunables().min_by_key(|setting| setting.mean);
    let peak = only_tunables().min_by_key(|setting| setting.peak);
    let mut lines = Vec::new();
    let mean = mean.filter(|best| best.mean < played.mean && !best.tunables.is_empty());
    let peak = peak.filter(|best| best.peak < played.peak && !best.tunables.is_empty());
    if let Some((mean, _)) = mean.zip(peak).filter(|(mean, peak)| mean.tunables == peak.tunables) {
        lines.push(format!("least on average, and lowest peak: GLIBC_TUNABLES={}", mean.tunables));
        return lines;
    }
    if let Some(best) = mean {
        lines.push(format!("least on average: GLIBC_TUNABLES={}", best.tunables));
    }
    if let Some(best) = peak {
        lines.push(format!("lowest peak:      GLIBC_TUNABLES={}", best.tunables));
    }
    lines
}

/// Which settings hold least.
pub(super) fn best(settings: &[SettingResult], played: &SettingResult) -> String {
    let tried = settings.len() - 1;
    let smaller = |bytes: Bytes, than: Bytes| bytes.get() < than.get() - than.get() / 50;
    let pasted = |setting: &&SettingResult| setting.change.is_none();
    let mean = settings.iter().filter(pasted).min_by_key(|setting| setting.mean);
    let peak = settings.iter().filter(pasted).min_by_key(|setting| setting.peak);
    let mut parts = Vec::new();
    if let Some(best) = mean.filter(|best| smaller(best.mean, played.mean)) {
        parts.push(format!(
            "the best tunables hold {} on average instead of {}",
            best.mean, played.mean
        ));
    }
    if let Some(best) = peak.filter(|best| smaller(best.peak, played.peak)) {
        parts.push(format!("the lowest peak is {} instead of {}", best.peak, played.peak));
    }
    if parts.is_empty() {
        parts.push("no tunables hold noticeably less".to_owned());
    }
    format!("the same calls under {tried} other settings: {}", parts.join(", "))
}
