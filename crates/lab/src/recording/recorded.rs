//! A machine that answers as it was recorded.

use std::collections::BTreeMap;

use serde_json::Value;
use world::{
    Call, Control, End, Errno, FileSpec, ForkKind, Observation, ProcessId, ProcessSpec, Returned,
    Setup, Touch, Touched, World, WorldError,
};

use super::{ALSO, Header, Recording, last_deaths, words};
use crate::Booted;

/// Gives the answers of a recording, in their order.
#[derive(Debug)]
pub struct Recorded {
    recording: Recording,
    /// The next line, counted from 0 behind the header.
    next: usize,
    /// Other files of the machine, as they were before the scenario began.
    also: BTreeMap<String, Vec<u8>>,
    /// The processes' names.
    names: BTreeMap<ProcessId, String>,
    ended: BTreeMap<ProcessId, End>,
    /// Who was killed, as far as it has been told.
    dead: Vec<ProcessId>,
    panicked: Option<String>,
    /// Whether the scenario has begun.
    begun: bool,
}

impl Recorded {
    /// A machine that answers as this recording.
    pub fn new(recording: Recording) -> Recorded {
        let known = |path: &&str| {
            let question = words::also(path);
            let (_, answer) = recording.lines.iter().find(|(asked, _)| *asked == question)?;
            Some(((*path).to_owned(), words::to_bytes(answer)?))
        };
        let also = ALSO.iter().filter_map(known).collect();
        Recorded {
            recording,
            next: 0,
            also,
            names: BTreeMap::new(),
            ended: BTreeMap::new(),
            dead: Vec::new(),
            panicked: None,
            begun: false,
        }
    }

    /// What it was recorded of.
    pub fn header(&self) -> &Header {
        &self.recording.header
    }

    /// The next line. Those are passed over that answer what is not asked any more, and change nothing.
    fn line(&self, question: &str) -> Option<(usize, &(String, Value))> {
        let mut lines = self.recording.lines.iter().enumerate().skip(self.next);
        let counts = |asked: &str| !asked.starts_with("also ") && !asked.starts_with("read ");
        lines.find(|(_, (asked, _))| asked == question || counts(asked))
    }

    /// The answer to a question, if that is what was asked next.
    fn if_next(&mut self, question: &str) -> Option<Value> {
        let (at, (asked, answer)) = self.line(question)?;
        if asked != question {
            return None;
        }
        let answer = answer.clone();
        self.next = at + 1;
        Some(answer)
    }

    /// The answer to a question.
    fn answer<T>(
        &mut self,
        question: &str,
        meaning: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T, WorldError> {
        let Some(answer) = self.if_next(question) else { return Err(self.otherwise(question)) };
        self.meant(&answer, meaning)
    }

    /// What an answer that was just given means.
    fn meant<T>(
        &self,
        answer: &Value,
        meaning: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T, WorldError> {
        if let Some(why) = words::failed(answer) {
            return Err(WorldError(why.to_owned()));
        }
        meaning(answer).ok_or_else(|| {
            WorldError(format!(
                "line {} of the recording has an answer that makes no sense there",
                self.next + 1
            ))
        })
    }

    /// Who was killed right before a panic that comes next, and is told of by the log alone.
    fn last_deaths(&self) -> Vec<ProcessId> {
        let next = self.line(words::PANICKED);
        let Some((at, _)) = next.filter(|(_, (asked, _))| asked == words::PANICKED) else {
            return Vec::new();
        };
        let mut behind = self.recording.lines.iter().skip(at);
        let log = behind.find(|(asked, _)| asked == words::LOG);
        let Some(log) = log.and_then(|(_, answer)| words::to_bytes(answer)) else {
            return Vec::new();
        };
        let (told, others): (Vec<_>, Vec<_>) =
            self.names.clone().into_iter().partition(|(id, _)| self.dead.contains(id));
        let told: Vec<String> = told.into_iter().map(|(_, name)| name).collect();
        let living: Vec<(ProcessId, String)> =
            others.into_iter().filter(|(id, _)| !self.ended.contains_key(id)).collect();
        last_deaths::in_log(&log, &told, &living)
    }

    /// Says that something else is asked than was.
    fn otherwise(&self, question: &str) -> WorldError {
        let shown = shortened(question);
        // The header is the first line.
        match self.line(question) {
            Some((at, (asked, _))) => WorldError(format!(
                "the recording goes on otherwise: line {} has `{}`, and now `{shown}` is asked; record \
                 it again",
                at + 2,
                shortened(asked)
            )),
            None => WorldError(format!(
                "the recording has ended, and now `{shown}` is asked; record it again"
            )),
        }
    }
}

/// The beginning of a question.
fn shortened(question: &str) -> String {
    const MOST: usize = 200;
    let begin: String = question.chars().take(MOST).collect();
    let cut = if begin.len() < question.len() { "…" } else { "" };
    format!("{}{cut}", facts::Name::new(begin.as_bytes()))
}

fn nothing(answer: &Value) -> Option<()> {
    answer.is_null().then_some(())
}

impl World for Recorded {
    fn files(&mut self, files: &[FileSpec]) -> Result<(), WorldError> {
        self.answer(&words::files(files), nothing)
    }

    fn start(&mut self, spec: &ProcessSpec) -> Result<ProcessId, WorldError> {
        let started = self.answer(&words::start(spec), words::to_process)?;
        self.names.insert(started, spec.name.clone());
        Ok(started)
    }

    fn call(&mut self, process: ProcessId, call: &Call) -> Result<Returned, WorldError> {
        self.answer(&words::call(process, call), words::to_returned)
    }

    fn touch(&mut self, process: ProcessId, touch: &Touch) -> Result<Touched, WorldError> {
        self.answer(&words::touch(process, touch), words::to_touched)
    }

    fn fork(
        &mut self,
        process: ProcessId,
        kind: ForkKind,
    ) -> Result<Result<ProcessId, Errno>, WorldError> {
        let meaning = |answer: &Value| words::to_errno(answer, words::to_process);
        let child = self.answer(&words::fork(process, kind), meaning)?;
        // The kernel's log names the first of its threads.
        if let (Ok(child), false, Some(name)) =
            (child, kind == ForkKind::Thread, self.names.get(&process))
        {
            self.names.insert(child, name.clone());
        }
        Ok(child)
    }

    fn exec(&mut self, process: ProcessId) -> Result<(), WorldError> {
        self.answer(&words::exec(process), nothing)
    }

    fn end(&mut self, process: ProcessId, how: End) -> Result<(), WorldError> {
        self.answer(&words::end(process, how), nothing)
    }

    fn sleep(&mut self, nanoseconds: u64) -> Result<(), WorldError> {
        self.answer(&words::sleep(nanoseconds), nothing)
    }

    fn observe(&mut self, process: ProcessId) -> Result<Observation, WorldError> {
        self.answer(&words::observe(process), words::to_observation)
    }

    fn alive(&mut self, process: ProcessId) -> Result<Option<End>, WorldError> {
        if let Some(answer) = self.if_next(&words::ended(process)) {
            let end = self.meant(&answer, words::to_end)?;
            self.ended.insert(process, end);
        }
        Ok(self.ended.get(&process).copied())
    }

    fn setup(&mut self, setup: &Setup) -> Result<(), WorldError> {
        self.answer(&words::setup("arrange", setup), nothing)
    }

    fn control(&mut self, what: &Control, value: &str) -> Result<Result<(), Errno>, WorldError> {
        let meaning = |answer: &Value| words::to_errno(answer, nothing);
        self.answer(&words::control(what, value), meaning)
    }

    fn machine(&mut self) -> Result<Vec<(String, Vec<u8>)>, WorldError> {
        self.answer(words::MACHINE, words::to_named)
    }

    fn log(&mut self) -> Result<Vec<u8>, WorldError> {
        self.answer(words::LOG, words::to_bytes)
    }

    fn deaths(&mut self) -> Result<Vec<(ProcessId, End)>, WorldError> {
        let deaths = match self.if_next(words::DEATHS) {
            Some(answer) => self.meant(&answer, words::to_deaths)?,
            None => self.last_deaths().into_iter().map(|id| (id, End::Signal(9))).collect(),
        };
        self.dead.extend(deaths.iter().map(|(id, _)| *id));
        Ok(deaths)
    }

    fn woken(&mut self) -> Result<Vec<u32>, WorldError> {
        match self.if_next(words::WOKEN) {
            Some(answer) => self.meant(&answer, words::to_numbers),
            None => Ok(Vec::new()),
        }
    }

    fn panicked(&mut self) -> Option<String> {
        if let Some(answer) = self.if_next(words::PANICKED) {
            self.panicked = answer.as_str().map(str::to_owned);
        }
        self.panicked.clone()
    }
}

impl Booted for Recorded {
    fn prepare(&mut self, setup: &Setup) -> Result<(), WorldError> {
        self.answer(&words::setup("prepare", setup), nothing)
    }

    fn cpus(&self) -> u32 {
        self.recording.header.cpus
    }

    fn parameters(&self) -> &[String] {
        &self.recording.header.parameters
    }

    fn read(&mut self, path: &str) -> Result<Vec<u8>, WorldError> {
        let question = words::read_file(path);
        match self.if_next(&question) {
            Some(answer) => self.meant(&answer, words::to_bytes),
            // Nobody asked for it at the time.
            None => match self.also.get(path) {
                Some(text) if !self.begun => Ok(text.clone()),
                _ => Err(self.otherwise(&question)),
            },
        }
    }

    fn write(&mut self, path: &str, text: &str) -> Result<(), WorldError> {
        self.answer(&format!("write {text:?} to {path}"), nothing)
    }

    fn boot_log(&mut self) -> Result<String, WorldError> {
        self.answer(words::BOOT_LOG, |answer| answer.as_str().map(str::to_owned))
    }

    fn clear(&mut self) {
        self.names.clear();
        self.ended.clear();
        self.dead.clear();
        // Whether it was asked then is what the next question shows.
        let _ = self.if_next("clear");
    }

    fn measured(&mut self) {
        self.begun = true;
    }
}
