//! A machine of which everything is written down.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use serde_json::{Value, json};
use world::{
    Call, Control, End, Errno, FileSpec, ForkKind, Observation, ProcessId, ProcessSpec, Returned,
    Setup, Touch, Touched, World, WorldError,
};

use super::{ALSO, Header, Recording, words};
use crate::Booted;

/// Performs everything on a machine, and writes down what was asked and answered.
#[derive(Debug)]
pub struct Recorder<'a, W> {
    world: &'a mut W,
    pub(super) recording: Recording,
    /// Whose end has been written down.
    ended: BTreeSet<ProcessId>,
    panicked: bool,
}

impl<'a, W: Booted> Recorder<'a, W> {
    /// Begins a recording: of which scenario, from which package the kernel is, and whether memory is
    /// looked at meanwhile.
    pub fn new(
        world: &'a mut W,
        (scenario, text): (&str, &str),
        (series, package): (&str, &str),
        curves: bool,
    ) -> Recorder<'a, W> {
        let header = Header {
            scenario: scenario.to_owned(),
            text: text.to_owned(),
            series: series.to_owned(),
            package: package.to_owned(),
            cpus: world.cpus(),
            parameters: world.parameters().to_vec(),
            curves,
            refused: None,
        };
        let recording = Recording::new(header);
        Recorder { world, recording, ended: BTreeSet::new(), panicked: false }
    }

    /// Writes the recording to a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        self.recording.save(path)
    }

    fn note(&mut self, question: impl Into<String>, answer: Value) {
        self.recording.lines.push((question.into(), answer));
    }

    /// Writes down an answer that is one.
    fn told<T>(
        &mut self,
        question: impl Into<String>,
        result: Result<T, WorldError>,
        answer: impl FnOnce(&T) -> Value,
    ) -> Result<T, WorldError> {
        let value = words::result(&result, answer);
        self.note(question, value);
        result
    }
}

impl<W: Booted> World for Recorder<'_, W> {
    fn files(&mut self, files: &[FileSpec]) -> Result<(), WorldError> {
        let done = self.world.files(files);
        self.told(words::files(files), done, |()| Value::Null)
    }

    fn start(&mut self, spec: &ProcessSpec) -> Result<ProcessId, WorldError> {
        let started = self.world.start(spec);
        self.told(words::start(spec), started, |&id| words::process(id))
    }

    fn call(&mut self, process: ProcessId, call: &Call) -> Result<Returned, WorldError> {
        let returned = self.world.call(process, call);
        self.told(words::call(process, call), returned, words::returned)
    }

    fn touch(&mut self, process: ProcessId, touch: &Touch) -> Result<Touched, WorldError> {
        let touched = self.world.touch(process, touch);
        self.told(words::touch(process, touch), touched, words::touched)
    }

    fn fork(
        &mut self,
        process: ProcessId,
        kind: ForkKind,
    ) -> Result<Result<ProcessId, Errno>, WorldError> {
        let child = self.world.fork(process, kind);
        let answer =
            |child: &Result<ProcessId, Errno>| words::errno(child, |&id| words::process(id));
        self.told(words::fork(process, kind), child, answer)
    }

    fn exec(&mut self, process: ProcessId) -> Result<(), WorldError> {
        let done = self.world.exec(process);
        self.told(words::exec(process), done, |()| Value::Null)
    }

    fn end(&mut self, process: ProcessId, how: End) -> Result<(), WorldError> {
        let done = self.world.end(process, how);
        self.told(words::end(process, how), done, |()| Value::Null)
    }

    fn sleep(&mut self, nanoseconds: u64) -> Result<(), WorldError> {
        let slept = self.world.sleep(nanoseconds);
        self.told(words::sleep(nanoseconds), slept, |()| Value::Null)
    }

    fn observe(&mut self, process: ProcessId) -> Result<Observation, WorldError> {
        let seen = self.world.observe(process);
        self.told(words::observe(process), seen, words::observation)
    }

    fn alive(&mut self, process: ProcessId) -> Result<Option<End>, WorldError> {
        let end = self.world.alive(process);
        match end {
            Ok(None) => {}
            Ok(Some(end)) => {
                if self.ended.insert(process) {
                    self.note(words::ended(process), words::of_end(end));
                }
            }
            Err(_) => {
                let answer = words::result(&end, |_| Value::Null);
                self.note(words::ended(process), answer);
            }
        }
        end
    }

    fn setup(&mut self, setup: &Setup) -> Result<(), WorldError> {
        let done = self.world.setup(setup);
        self.told(words::setup("arrange", setup), done, |()| Value::Null)
    }

    fn control(&mut self, what: &Control, value: &str) -> Result<Result<(), Errno>, WorldError> {
        let written = self.world.control(what, value);
        let answer = |written: &Result<(), Errno>| words::errno(written, |()| Value::Null);
        self.told(words::control(what, value), written, answer)
    }

    fn machine(&mut self) -> Result<Vec<(String, Vec<u8>)>, WorldError> {
        let seen = self.world.machine();
        self.told(words::MACHINE, seen, |files| words::named(files))
    }

    fn log(&mut self) -> Result<Vec<u8>, WorldError> {
        let log = self.world.log();
        self.told(words::LOG, log, |log| words::bytes(log))
    }

    fn deaths(&mut self) -> Result<Vec<(ProcessId, End)>, WorldError> {
        let deaths = self.world.deaths();
        match &deaths {
            Ok(dead) if dead.is_empty() => {}
            Ok(dead) => {
                let answer = words::deaths(dead);
                self.note(words::DEATHS, answer);
            }
            Err(_) => {
                let answer = words::result(&deaths, |_| Value::Null);
                self.note(words::DEATHS, answer);
            }
        }
        deaths
    }

    fn panicked(&mut self) -> Option<String> {
        let said = self.world.panicked();
        if let Some(said) = &said
            && !std::mem::replace(&mut self.panicked, true)
        {
            self.note(words::PANICKED, json!(said));
        }
        said
    }
}

impl<W: Booted> Booted for Recorder<'_, W> {
    fn prepare(&mut self, setup: &Setup) -> Result<(), WorldError> {
        let done = self.world.prepare(setup);
        self.told(words::setup("prepare", setup), done, |()| Value::Null)
    }

    fn cpus(&self) -> u32 {
        self.world.cpus()
    }

    fn parameters(&self) -> &[String] {
        self.world.parameters()
    }

    fn read(&mut self, path: &str) -> Result<Vec<u8>, WorldError> {
        let text = self.world.read(path);
        self.told(words::read_file(path), text, |text| words::bytes(text))
    }

    fn write(&mut self, path: &str, text: &str) -> Result<(), WorldError> {
        let done = self.world.write(path, text);
        self.told(format!("write {text:?} to {path}"), done, |()| Value::Null)
    }

    fn boot_log(&mut self) -> Result<String, WorldError> {
        let log = self.world.boot_log();
        self.told(words::BOOT_LOG, log, |log| Value::from(log.as_str()))
    }

    fn clear(&mut self) {
        self.world.clear();
        // Numbers of processes begin anew.
        self.ended.clear();
        self.note("clear", Value::Null);
    }

    fn measured(&mut self) {
        for path in ALSO {
            if let Ok(text) = self.world.read(path) {
                self.note(words::also(path), words::bytes(&text));
            }
        }
        self.world.measured();
    }
}
