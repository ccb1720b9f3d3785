//! Several reports on a terminal: the list of all, and some in full.

use std::fmt::Write as _;
use std::ops::Range;

use super::Incident;
use crate::output::Output;

pub(super) fn text(
    incidents: &[Incident],
    selected: Range<usize>,
    places: bool,
    out: &Output,
) -> String {
    let style = out.style();
    let mut text = String::new();
    if incidents.len() > 1 {
        let mut place = "";
        for (at, incident) in incidents.iter().enumerate() {
            if places && incident.place != place {
                place = &incident.place;
                text.push_str(place);
                text.push('\n');
            }
            text.push_str(&views::incident(at + 1, &incident.explained, style));
            text.push('\n');
        }
    }
    for at in selected {
        let incident = &incidents[at];
        if incidents.len() > 1 {
            let place = if places { format!(", {}", incident.place) } else { String::new() };
            let _ = writeln!(text, "\nReport {} of {}{place}", at + 1, incidents.len());
        }
        text.push_str(&views::explained(&incident.explained, style));
    }
    text
}
