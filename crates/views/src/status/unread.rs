//! What could not be read, and how much memory may hide there.

use facts::{Missing, Why};
use rules::status::Unread;
use units::Bytes;

use crate::amount::count;
use crate::page::Page;

/// Places told by name.
const PLACES: usize = 3;

pub(super) fn section(page: &mut Page<'_>, unread: &Unread) {
    let hidden = unread.hidden_anon.filter(|&b| b > Bytes::ZERO);
    let mut words = Vec::new();
    if unread.places.is_empty() && unread.processes == 0 {
        if hidden.is_none() {
            return;
        }
        words.push("processes that cannot be seen from here".to_owned());
    }
    if unread.processes > 0 {
        words.push(format!("the memory of {}", count(unread.processes, "process", "processes")));
    }
    if !unread.places.is_empty() {
        words.push(count(unread.places.len(), "place", "places"));
    }
    let hiding = match (hidden, unread.hidden_anon, unread.processes) {
        (Some(bytes), _, _) => format!("{bytes} of the processes' memory may hide there"),
        (None, Some(_), _) => "no process memory hides there".to_owned(),
        (None, None, _) => "how much memory hides there is unknown".to_owned(),
    };
    page.heading("Not read", &format!("{}; {hiding}", words.join(", ")));
    places(page, &unread.places);
}

/// The most telling places, a line each, and how many more there are.
pub(crate) fn places(page: &mut Page<'_>, places: &[Missing]) {
    for place in telling(places) {
        page.sentence(&place.to_string());
    }
    let more = places.len().saturating_sub(PLACES);
    if more > 0 {
        page.sentence(&format!("and {more} more; --json lists them"));
    }
}

/// The places to name: damaged and forbidden ones before those that are just not there.
fn telling(places: &[Missing]) -> impl Iterator<Item = &Missing> {
    let weight = |m: &&Missing| match m.why {
        Why::Malformed { .. } | Why::Failed(_) => 0,
        Why::Denied => 1,
        Why::Absent => 2,
        Why::Gone => 3,
    };
    let mut sorted: Vec<&Missing> = places.iter().collect();
    sorted.sort_by_key(weight);
    sorted.into_iter().take(PLACES)
}
