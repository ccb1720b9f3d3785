//! Calls that overlap in time, in an order that explains their results.
//!
//! Entries that wait for each other's ends are a group: each overlaps with another one. A valid order
//! keeps a call that ended before another began before it; every thread's own calls are so in order.
//! The order of the log is tried first, then all others, deepest first, leaving one as soon as an
//! answer differs.

use rules::replay::{Race, RaceOrder, RacingCall};
use sim::Machine;
use world::{Call, WorldError};

use super::describe;
use super::player::{Player, Verdict, number};
use crate::entry::What;

/// Calls in one group; more are played in the order of the log.
pub(super) const MOST: usize = 48;
/// Calls made in search of an order.
const TRIES: usize = 3000;

impl Player<'_> {
    /// Plays what has ended in an address space.
    pub(super) fn settle(&mut self, space: usize) -> Result<(), WorldError> {
        let group = std::mem::take(&mut self.spaces[space].waiting);
        if group.len() == 1 {
            return self.one(group[0], false);
        }
        if group.is_empty() {
            return Ok(());
        }
        let places = group.iter().filter(|&&at| self.changes_places(at)).count();
        let (order, found) = self.order(&group)?;
        let race = Race { order: found, calls: order.iter().map(|&at| self.racing(at)).collect() };
        if places > 1 || found != RaceOrder::Log {
            self.out.races.push(race);
        }
        for at in order {
            self.one(at, true)?;
        }
        Ok(())
    }

    pub(super) fn one(&mut self, index: usize, raced: bool) -> Result<(), WorldError> {
        if !self.judged(index) {
            return self.take_over(index);
        }
        let verdict = self.attempt(index, None)?;
        self.commit(index, verdict, raced)
    }

    /// Whether a call changes which addresses are free.
    fn changes_places(&self, index: usize) -> bool {
        let What::Memory { call, .. } = &self.at(index).what else { return false };
        match call {
            Call::Mmap { .. } | Call::Munmap { .. } | Call::Mremap { .. } => true,
            Call::Brk { addr } => *addr != 0,
            _ => false,
        }
    }

    /// An order in which every answer is the log's; the log's own when there is none.
    fn order(&mut self, group: &[usize]) -> Result<(Vec<usize>, RaceOrder), WorldError> {
        let mut tries = TRIES;
        let mut order = Vec::with_capacity(group.len());
        let mut left: Vec<usize> = group.to_vec();
        let machine = self.machine.clone();
        if !self.search(&machine, &mut left, &mut order, &mut tries)? {
            return Ok((group.to_vec(), RaceOrder::None));
        }
        let found = if order == group { RaceOrder::Log } else { RaceOrder::Other };
        Ok((order, found))
    }

    fn search(
        &mut self,
        machine: &Machine,
        left: &mut Vec<usize>,
        order: &mut Vec<usize>,
        tries: &mut usize,
    ) -> Result<bool, WorldError> {
        if left.is_empty() {
            return Ok(true);
        }
        for place in 0..left.len() {
            let at = left[place];
            let began = self.at(at).line;
            // Whatever ended before it began comes before it.
            let must_wait = left.iter().any(|&other| other != at && self.at(other).end < began);
            if must_wait {
                continue;
            }
            let Some(rest) = tries.checked_sub(1) else { return Ok(false) };
            *tries = rest;
            let mut next = machine.clone();
            if self.judged(at) && self.attempt(at, Some(&mut next))? != Verdict::Equal {
                continue;
            }
            left.remove(place);
            order.push(at);
            if self.search(&next, left, order, tries)? {
                return Ok(true);
            }
            order.pop();
            left.insert(place, at);
        }
        Ok(false)
    }

    fn racing(&self, index: usize) -> RacingCall {
        let entry = self.at(index);
        let call = match &entry.what {
            What::Memory { call, .. } => call.to_string(),
            _ => String::new(),
        };
        RacingCall {
            line: number(entry.line),
            end: number(entry.end),
            pid: (entry.pid != 0).then_some(entry.pid),
            call,
            log: describe::outcome(entry.outcome),
        }
    }
}
