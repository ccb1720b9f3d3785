//! Quantities of two machines at each moment that both have: checkpoints, kills, reports, the end.

use std::rc::Rc;

use facts::oom_report::TriggerKind;
use scenario::comparison::QuantityRow;
use scenario::run::{Death, MachineSeen, What};

use super::differences::Pair;
use super::{Arrived, Machinery};
use crate::compare::machine::{Quantity, kill_point, machines};
use crate::compare::zones::{ksm, zones};
use crate::compare::{report, tasks};

/// Adds all of them.
pub(super) fn compare(pair: &Pair<'_>, rows: &mut Vec<QuantityRow>) {
    let mut add = |moment: &str, all: Vec<Quantity>| {
        // Around a fence there is another machine.
        let ours = |quantity: &Quantity| {
            pair.real.machinery == Machinery::Whole
                || (!quantity.what.starts_with("meminfo ") && quantity.values[1].is_some())
        };
        let all = all.into_iter().filter(ours).map(|mut quantity| {
            if pair.real.machinery == Machinery::Fence && is_how_often(&quantity) {
                quantity.allowed = None;
            }
            quantity
        });
        let all = all.map(|quantity| quantity.tolerated(&pair.scenario.tolerances));
        rows.extend(all.map(|quantity| QuantityRow {
            between: pair.between,
            moment: moment.to_owned(),
            within: quantity.within(),
            what: quantity.what,
            unit: quantity.unit,
            values: quantity.values,
            allowed: quantity.allowed,
        }));
    };
    let (ours, theirs) = (checkpoints(pair.one), checkpoints(pair.real));
    for ((name, one), (other_name, real)) in ours.iter().zip(&theirs) {
        if name == other_name {
            add(name, machines(one, real));
            add(name, zones(one, real));
        }
    }
    for (number, (one, real)) in (1..).zip(deaths(pair.one).iter().zip(deaths(pair.real))) {
        let process = super::name(pair.scenario, real.name.0);
        let what = format!("{process}: bytes touched");
        add(&format!("kill {number}"), vec![kill_point(what, one.touched, real.touched)]);
    }
    for (number, (one, real)) in (1..).zip(reports(pair.one).iter().zip(reports(pair.real))) {
        let moment = format!("report {number}");
        add(&moment, report::quantities(&one.report, &real.report));
        let allowed = tasks::left_out(pair.one.cpus.max(pair.real.cpus));
        add(&moment, tasks::badness(&one.report, &real.report, allowed));
    }
    add("end", machines(&pair.one.machine, &pair.real.machine));
    add("end", zones(&pair.one.machine, &pair.real.machine));
    add("end", ksm(&pair.one.machine, &pair.real.machine));
}

/// Whether it is how often the OOM killer was asked on both. Whoever waits for a victim asks again until it is
/// gone (`mem_cgroup_oom()`), and when it gets to run, in a fence the rest of the machine decides.
fn is_how_often(quantity: &Quantity) -> bool {
    quantity.what.ends_with(" memory.events oom")
        && quantity.values.iter().flatten().filter(|asked| **asked > 0).count() == 2
}

/// The OOM killer's reports in the log of a world. A victim whose own request fails leaves a report of
/// that behind (`warn_alloc()`), which is none.
pub(super) fn reports(arrived: &Arrived) -> Vec<klog::Found> {
    let mut all = klog::reports(&arrived.machine.log);
    all.retain(|found| {
        let trigger = found.report.trigger.as_ref();
        trigger.is_none_or(|trigger| trigger.kind != TriggerKind::AllocationFailure)
    });
    all
}

fn checkpoints(arrived: &Arrived) -> Vec<(&str, &Rc<MachineSeen>)> {
    let seen = arrived.events.iter().filter_map(|event| match &event.what {
        What::Machine(name, seen) => Some((name.as_str(), seen)),
        _ => None,
    });
    seen.collect()
}

fn deaths(arrived: &Arrived) -> Vec<Death> {
    let chosen = arrived.events.iter().filter_map(|event| match event.what {
        What::Chosen(death) => Some(death),
        _ => None,
    });
    chosen.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_nobody_was_asked_to_kill_is_not_how_often() {
        let of = |what: &str, one, real| {
            let unit = scenario::comparison::Unit::Count;
            let quantity =
                Quantity { what: what.to_owned(), unit, values: [one, real], allowed: Some(0) };
            is_how_often(&quantity)
        };
        assert!(of("/shop memory.events oom", Some(1), Some(2)));
        assert!(!of("/shop memory.events oom", Some(1), Some(0)));
        assert!(!of("/shop memory.events oom", Some(1), None));
        assert!(!of("/shop memory.events oom_kill", Some(1), Some(2)));
    }
}
