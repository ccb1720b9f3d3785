//! The model's addresses beside those that were recorded.

use super::player::Player;
use crate::plan::{Plan, Verb};
use malloc::{AddressSpace, Rules, Tunables};
use rules::heap::{AddressAgreement, AddressDifference};

/// How the addresses of the model compare with the recorded ones.
pub type Agreement = AddressAgreement;
/// The first call where they do not.
pub type Difference = AddressDifference;

/// Mappings are placed where other mappings leave room, which a trace does not tell: their
/// addresses are compared within a page.
const PAGE: u64 = 4096;

/// Plays a plan and compares every address.
pub fn agreement(plan: &Plan, rules: Rules, tunables: &Tunables, space: AddressSpace) -> Agreement {
    let mut player = Player::new(plan, rules, tunables, space);
    let mut counted = Counter::new(&rules);
    for (at, step) in plan.steps.iter().enumerate() {
        let Ok(returned) = player.step(step) else { break };
        if !matches!(step.verb, Verb::Free | Verb::Trim | Verb::Mallopt(_) | Verb::ThreadExit) {
            let heap_end = player.heap().kernel().heap_end();
            let mapped = returned.is_some_and(|ptr| player.heap().is_mapped(ptr));
            counted.compare(
                (at, mapped),
                plan.returned[at],
                returned.map(malloc::Ptr::addr),
                heap_end,
            );
        }
    }
    counted.agreement
}

/// Counts what is equal.
#[derive(Debug)]
pub(crate) struct Counter {
    pub(crate) agreement: Agreement,
    heap_max: u64,
}

impl Counter {
    pub(crate) fn new(rules: &Rules) -> Counter {
        let agreement = Agreement { main_equal: 0, main: 0, other_equal: 0, other: 0, first: None };
        Counter { agreement, heap_max: rules.heap_max }
    }

    /// Compares what call `at` returned, a block with a mapping of its own or not; below `end` is the main heap.
    pub(crate) fn compare(
        &mut self,
        (at, mapped): (usize, bool),
        recorded: u64,
        modelled: Option<u64>,
        end: u64,
    ) {
        let in_heap = |addr: u64| addr < end;
        let equal = match modelled {
            None => recorded == 0,
            Some(modelled) if in_heap(modelled) => modelled == recorded,
            Some(modelled) => {
                // Thread arenas begin on boundaries of their largest size, single blocks on those
                // of a page.
                let within = if mapped { PAGE } else { self.heap_max };
                !in_heap(recorded) && modelled % within == recorded % within
            }
        };
        let sum = &mut self.agreement;
        let (count, of) = match modelled {
            Some(modelled) if !in_heap(modelled) => (&mut sum.other_equal, &mut sum.other),
            _ => (&mut sum.main_equal, &mut sum.main),
        };
        *count += u64::from(equal);
        *of += 1;
        if !equal && sum.first.is_none() {
            sum.first = Some(Difference { call: at as u64 + 1, recorded, modelled });
        }
    }
}
