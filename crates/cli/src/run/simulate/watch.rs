//! What happens to each event: the report, the trace, the progress.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use facts::Name;
use scenario::Scenario;
use scenario::report::Recorder;
use scenario::run::{Event, Watch, asked};

use crate::failure::Failure;
use crate::output::{Output, talk};

/// Steps between two looks at the clock.
const EVERY: u64 = 4096;
/// Time between two reports of progress.
const PERIOD: Duration = Duration::from_millis(250);

/// Hands each event to all who want it.
pub(super) struct Watching<'a, 's> {
    scenario: &'s Scenario,
    recorder: &'a mut Recorder<'s>,
    trace: Option<&'a mut Output>,
    /// The first error of writing the trace; nothing is written after it.
    failure: Option<Failure>,
    /// Whether the reader of the trace has gone away.
    gone: bool,
    events: u64,
    progress: Option<Instant>,
    said: bool,
}

impl<'a, 's> Watching<'a, 's> {
    pub(super) fn new(
        scenario: &'s Scenario,
        recorder: &'a mut Recorder<'s>,
        trace: Option<&'a mut Output>,
    ) -> Watching<'a, 's> {
        // With a trace the lines themselves are the progress.
        let progress = trace.is_none() && io::stderr().is_terminal();
        Watching {
            scenario,
            recorder,
            trace,
            failure: None,
            gone: false,
            events: 0,
            progress: progress.then(Instant::now),
            said: false,
        }
    }

    pub(super) fn finish(self) -> Result<(), Failure> {
        if self.said {
            talk("\r\u{1b}[K");
        }
        self.failure.map_or(Ok(()), Err)
    }

    fn trace(&mut self, event: &Event) {
        let Some(out) = self.trace.as_deref_mut() else { return };
        let name = self.scenario.names.get(event.name.0).map_or("end", String::as_str);
        let line = self.scenario.source.position(event.span.start).0;
        let number = match event.step {
            0 => String::new(),
            step => step.to_string(),
        };
        let text = asked(event, self.scenario);
        let text = Name::new(text.as_bytes());
        match out.more_data(format!("{number:>6} {name}:{line} {text}\n").as_bytes()) {
            Ok(true) => {}
            Ok(false) => self.gone = true,
            Err(failure) => self.failure = Some(failure),
        }
    }

    fn progress(&mut self, event: &Event) {
        self.events += 1;
        if !self.events.is_multiple_of(EVERY) {
            return;
        }
        if let Some(last) = &mut self.progress
            && last.elapsed() >= PERIOD
        {
            *last = Instant::now();
            self.said = true;
            talk(format!("\r\u{1b}[Kstep {}", event.step));
        }
    }
}

impl Watch for Watching<'_, '_> {
    fn event(&mut self, event: &Event) {
        self.recorder.event(event);
        if !self.gone && self.failure.is_none() {
            self.trace(event);
        }
        self.progress(event);
    }
}
