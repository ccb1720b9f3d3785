//! Another choice: adjustments with which another dies, and the setting that spares the choice.

use units::{Pages, ScoreAdj};

use super::Case;
use crate::explain::choice::{Change, Election};
use crate::explain::report::{NotByScore, Prevention};

pub(super) fn of_choice(case: &Case<'_>) -> Vec<Prevention> {
    let (Some(election), Some(choice)) = (case.election, case.choice) else { return Vec::new() };
    if choice.not_by_score == Some(NotByScore::AllocatingTask) {
        return by_score(case, election).into_iter().collect();
    }
    if choice.agrees != Some(true) {
        return Vec::new();
    }
    [protect(election), sacrifice(election)].into_iter().flatten().collect()
}

/// `vm.oom_kill_allocating_task` 0: the choice by points, where that is another.
fn by_score(case: &Case<'_>, election: &Election<'_>) -> Option<Prevention> {
    let then = election.sure_winner()?;
    let victim = case.report.victim_pid()?;
    if election.row_of(victim) == Some(then) {
        return None;
    }
    Some(Prevention::ChooseByScore { then: election.task(then)? })
}

/// Who is first with a row's adjustment changed, at both ends of what the total can be.
fn first(election: &Election<'_>, row: usize, adj: i64) -> Option<[usize; 2]> {
    let adj = ScoreAdj::new(adj).ok()?;
    let change = Change { adjust: Some((row, adj)), ..Change::default() };
    let [least, most] = election.ends();
    let at = |total: Pages| election.winner(total, change);
    Some([at(least)?, at(most)?])
}

/// The highest adjustment with which the chosen would have lived, and who dies then.
fn protect(election: &Election<'_>) -> Option<Prevention> {
    let chosen = election.sure_winner()?;
    let from = election.rows.get(chosen)?.oom_score_adj?;
    let lives = |adj: i64| {
        first(election, chosen, adj).filter(|firsts| firsts.iter().all(|&first| first != chosen))
    };
    // Points only fall with the adjustment, so the border is found by halving.
    let (mut lowest, mut highest) = (-999, from.get() - 1);
    lives(lowest)?;
    while lowest < highest {
        let middle = highest - (highest - lowest) / 2;
        if lives(middle).is_some() {
            lowest = middle;
        } else {
            highest = middle - 1;
        }
    }
    let [then, _] = lives(lowest)?;
    let to = ScoreAdj::new(lowest).ok()?;
    Some(Prevention::Adjust { task: election.task(chosen)?, from, to, then: election.task(then)? })
}

/// The lowest adjustment of the runner-up with which it dies in place of the chosen.
fn sacrifice(election: &Election<'_>) -> Option<Prevention> {
    let chosen = election.sure_winner()?;
    let order = election.order(election.total()?, Change::default());
    let (second, _) = *order.get(1)?;
    let from = election.rows.get(second)?.oom_score_adj?;
    let dies = |adj: i64| first(election, second, adj) == Some([second; 2]);
    let (mut lowest, mut highest) = (from.get() + 1, 1000);
    if lowest > highest || !dies(highest) {
        return None;
    }
    while lowest < highest {
        let middle = lowest + (highest - lowest) / 2;
        if dies(middle) {
            highest = middle;
        } else {
            lowest = middle + 1;
        }
    }
    let to = ScoreAdj::new(lowest).ok().filter(|_| dies(lowest))?;
    let (task, instead_of) = (election.task(second)?, election.task(chosen)?);
    Some(Prevention::Sacrifice { task, from, to, instead_of })
}
