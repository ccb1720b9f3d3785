//! One report: from the verdict to its log.

use rules::explain::{CacheSize, ExplainReport, GroupState};
use units::Bytes;

use super::markup::Markup;
use super::{PLAIN, bars, log, tasks};
use crate::amount;
use crate::annotate::PageEntry;
use crate::explain::{choice, prevent, source, verdict, words, zones};

pub(super) fn print(page: &mut Markup, entry: &PageEntry<'_>, of: u64) {
    let report = entry.explained;
    let id = format!("r{}", entry.number);
    page.element("article", &[("id", &id)], |page| {
        page.element("header", &[], |page| {
            let place = if of > 1 {
                format!("Report {} of {of} · {}", entry.number, entry.place)
            } else {
                entry.place.to_owned()
            };
            page.leaf("p", &[("class", "place")], place);
            page.leaf("p", &[("class", "badge")], verdict::word(report.event));
            page.element("h2", &[("class", "verdict")], |page| {
                page.prose(&sentence(&verdict::died(report, &PLAIN)));
            });
            page.element("p", &[("class", "why")], |page| {
                page.prose(&sentence(&verdict::ran_out(report, &PLAIN)));
            });
            page.leaf("p", &[("class", "source")], source(report, &PLAIN));
        });
        ran_out(page, report);
        memory(page, report);
        chosen(page, entry, &id);
        prevention(page, report);
        gaps(page, report);
        log::print(page, entry, &id);
    });
}

/// With a capital at the beginning, unless that is a name.
fn sentence(text: &str) -> String {
    let small = ["the ", "a ", "nobody ", "somebody ", "there "];
    if !small.iter().any(|start| text.starts_with(start)) {
        return text.to_owned();
    }
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

fn fact(page: &mut Markup, name: &str, text: &str) {
    page.element("div", &[], |page| {
        page.leaf("dt", &[], name);
        page.element("dd", &[], |page| page.prose(text));
    });
}

fn ran_out(page: &mut Markup, report: &ExplainReport) {
    if report.asked.is_none()
        && report.zones.is_empty()
        && report.swap.is_none()
        && report.group.is_none()
    {
        return;
    }
    page.element("section", &[], |page| {
        page.leaf("h3", &[], "What ran out");
        page.element("dl", &[("class", "facts")], |page| {
            if let Some(asked) = &report.asked {
                fact(page, "Request", &zones::request(asked, &PLAIN));
            }
            if let Some(swap) = report.swap {
                let text = match (swap.total, swap.free) {
                    (Some(Bytes::ZERO), _) => "none".to_owned(),
                    (Some(total), Some(Bytes::ZERO)) => format!("{total}, full"),
                    (total, free) => {
                        format!("{} free of {}", amount::long(free), amount::long(total))
                    }
                };
                fact(page, "Swap", &text);
            }
        });
        if let Some(group) = &report.group {
            limits(page, group);
        }
        bars::zones(page, report);
    });
}

fn limits(page: &mut Markup, group: &GroupState) {
    page.element("div", &[("class", "bars")], |page| {
        for (name, state) in
            [("Memory", group.memory), ("Memory and swap", group.memory_swap), ("Swap", group.swap)]
        {
            if let Some(state) = state {
                bars::limit(page, name, state);
            }
        }
    });
    if let Some(path) = &group.killed_together {
        page.leaf(
            "p",
            &[],
            format_args!("Everybody in {path} dies together: memory.oom.group is set for it."),
        );
    }
}

fn memory(page: &mut Markup, report: &ExplainReport) {
    let Some(account) = &report.memory else { return };
    page.element("section", &[], |page| {
        page.leaf("h3", &[], "Where the memory was");
        bars::ledger(page, report, account);
        if let Some(resident) = account.resident_of_tasks {
            page.leaf(
                "p",
                &[("class", "note")],
                format_args!(
                    "The tasks of the table hold {resident} in sum, shared pages counted once a task."
                ),
            );
        }
        sizes(page, "The kernel's own caches", &account.slab_caches);
        sizes(page, "Places in the kernel that hold memory", &account.allocation_sites);
    });
}

fn sizes(page: &mut Markup, title: &str, sizes: &[CacheSize]) {
    if sizes.is_empty() {
        return;
    }
    page.leaf("h4", &[], title);
    page.element("ul", &[("class", "sizes")], |page| {
        for size in sizes.iter().take(12) {
            page.element("li", &[], |page| {
                page.leaf("b", &[], size.bytes);
                page.text(" ");
                page.leaf("code", &[], &size.name);
            });
        }
    });
}

fn chosen(page: &mut Markup, entry: &PageEntry<'_>, id: &str) {
    let report = entry.explained;
    let Some(choice) = &report.choice else { return };
    page.element("section", &[], |page| {
        page.leaf("h3", &[], "Was it the right one?");
        let class = if choice.agrees == Some(false) { "answer wrong" } else { "answer" };
        let answer = choice::judgement(report, choice, &PLAIN);
        page.leaf("p", &[("class", class)], capital(&answer));
        page.element("dl", &[("class", "facts")], |page| {
            if let Some(formula) = choice.formula {
                fact(page, "Score", formula);
            }
            match (choice.total, choice.total_at_most) {
                (Some(total), Some(most)) if most != total => {
                    fact(page, "Total", &format!("{total} to {most}"));
                }
                (Some(total), Some(_)) => fact(page, "Total", &total.to_string()),
                (Some(total), None) => fact(page, "Total", &format!("at least {total}")),
                (None, _) => {}
            }
            if let Some(text) = choice::logged_words(choice) {
                fact(page, "Printed", &text);
            }
            if let Some(text) = choice::at_choice_words(choice) {
                fact(page, "Earlier", &text);
            }
            if let Some(fault) = choice.kernel_fault {
                fact(page, "A fault", words::kernel_fault(fault));
            }
            for doubt in &choice.doubts {
                fact(page, "Perhaps", words::doubt(*doubt));
            }
        });
        tasks::print(page, entry, choice, id);
    });
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

fn prevention(page: &mut Markup, report: &ExplainReport) {
    if report.prevention.is_empty() {
        return;
    }
    page.element("section", &[], |page| {
        page.leaf("h3", &[], "What would have prevented it");
        page.leaf("p", &[("class", "note")], "Computed for this one request and this one choice.");
        page.element("ul", &[("class", "prevention")], |page| {
            for prevention in &report.prevention {
                let (label, text) = prevent::words_for(prevention, &PLAIN);
                page.element("li", &[], |page| {
                    page.leaf("b", &[], capital(label));
                    page.text(": ");
                    page.prose(&text);
                });
            }
        });
    });
}

fn gaps(page: &mut Markup, report: &ExplainReport) {
    if report.gaps.is_empty() {
        return;
    }
    page.element("section", &[], |page| {
        page.leaf("h3", &[], "What cannot be said");
        page.element("ul", &[], |page| {
            for gap in &report.gaps {
                page.element("li", &[], |page| page.prose(&capital(words::gap(*gap))));
            }
        });
    });
}
