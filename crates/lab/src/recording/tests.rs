use std::path::PathBuf;

use facts::Release;
use sim::{Image, Machine, MachineConfig};
use world::{
    Access, Advice, Call, Content, End, Errno, Fault, ForkKind, Limits, MapFlags, ProcessId,
    ProcessSpec, Prot, Returned, Setup, Stop, Touch, Touched, World, WorldError,
};

use super::{Recorded, Recorder, Recording, words};
use crate::Booted;

/// A simulated machine in place of one in QEMU.
struct Simulated(Machine);

impl Simulated {
    fn new() -> Simulated {
        let release: Release = "6.1.0".parse().expect("a release");
        let arch = rules::layout::Arch::X86_64;
        let config = MachineConfig::new(release, arch, 65_536, 0);
        Simulated(Machine::new(config, Image::tiny(release, arch)))
    }
}

macro_rules! passes_on {
    ($($name:ident($($arg:ident: $kind:ty),*) -> $result:ty;)*) => {
        impl World for Simulated {
            $(fn $name(&mut self, $($arg: $kind),*) -> $result {
                self.0.$name($($arg),*)
            })*
        }
    };
}

passes_on! {
    files(files: &[world::FileSpec]) -> Result<(), WorldError>;
    start(spec: &ProcessSpec) -> Result<ProcessId, WorldError>;
    call(process: ProcessId, call: &Call) -> Result<Returned, WorldError>;
    touch(process: ProcessId, touch: &Touch) -> Result<Touched, WorldError>;
    fork(process: ProcessId, kind: ForkKind) -> Result<Result<ProcessId, Errno>, WorldError>;
    exec(process: ProcessId) -> Result<(), WorldError>;
    end(process: ProcessId, how: End) -> Result<(), WorldError>;
    sleep(nanoseconds: u64) -> Result<(), WorldError>;
    observe(process: ProcessId) -> Result<world::Observation, WorldError>;
    alive(process: ProcessId) -> Result<Option<End>, WorldError>;
    machine() -> Result<Vec<(String, Vec<u8>)>, WorldError>;
}

impl Booted for Simulated {
    fn prepare(&mut self, _setup: &Setup) -> Result<(), WorldError> {
        Ok(())
    }

    fn cpus(&self) -> u32 {
        3
    }

    fn parameters(&self) -> &[String] {
        &[]
    }

    fn read(&mut self, path: &str) -> Result<Vec<u8>, WorldError> {
        match path {
            "/proc/vmstat" => Ok(b"nr_free_pages 7\n".to_vec()),
            "/proc/odd" => Ok(vec![0xff, b'a']),
            _ => Err(WorldError("there is none".to_owned())),
        }
    }

    fn write(&mut self, _path: &str, _text: &str) -> Result<(), WorldError> {
        Ok(())
    }

    fn boot_log(&mut self) -> Result<String, WorldError> {
        Ok("Linux\n".to_owned())
    }

    fn clear(&mut self) {}
}

fn spec() -> ProcessSpec {
    ProcessSpec {
        limits: Limits { data: Some(1 << 20), ..Limits::default() },
        ..ProcessSpec::new("one", 1000)
    }
}

const TWO: ProcessId = ProcessId(1);

fn write(addr: u64, count: u64) -> Touch {
    Touch { addr, count, stride: 4096, access: Access::Write, content: Content::Random(3) }
}

/// What a world says to a program that does a bit of everything.
fn program<W: Booted>(world: &mut W) -> Result<Vec<String>, WorldError> {
    let mut said = Vec::new();
    let mut say = |text: String| said.push(text);
    world.prepare(&Setup::default())?;
    say(format!("{:?}", world.read("/proc/odd")?));
    say(format!("{:?}", world.read("/proc/none").map_err(|error| error.0)));
    say(world.boot_log()?);
    world.measured();
    let one = world.start(&spec())?;
    let flags = MapFlags::PRIVATE.with(MapFlags::ANONYMOUS);
    let prot = Prot::READ.with(Prot::WRITE);
    let map = |len| Call::Mmap { addr: 0, len, prot, flags, fd: -1, offset: 0 };
    let mapped = world.call(one, &map(1 << 16))?;
    say(format!("{mapped:?}"));
    say(format!("{:?}", world.call(one, &map(1 << 30))?));
    let addr = mapped.value.unwrap_or(0);
    say(format!("{:?}", world.touch(one, &write(addr, 4))?));
    say(format!("{:?}", world.touch(one, &write(16, 1))?));
    say(format!("{:?}", world.call(one, &Call::Mincore { addr, len: 1 << 15 })?));
    let advice = Advice(4);
    say(format!("{:?}", world.call(one, &Call::Madvise { addr, len: 4096, advice })?));
    say(format!("{:?}", world.fork(one, ForkKind::Fork)?));
    world.exec(TWO)?;
    world.sleep(1_000_000)?;
    say(format!("{:?}", world.observe(TWO)?));
    world.end(TWO, End::Exit(3))?;
    for id in [one, TWO, TWO] {
        say(format!("{:?}", world.alive(id)?));
    }
    say(format!("{:?} {:?}", world.deaths()?, world.panicked()));
    Ok(said)
}

fn recorded() -> (Recording, Vec<String>) {
    let mut machine = Simulated::new();
    let named = ("a/b.kdl", "text");
    let mut recorder = Recorder::new(&mut machine, named, ("6.1", "linux-image"), false);
    let said = program(&mut recorder).expect("a program");
    (recorder.recording, said)
}

/// A file of this test's own, removed at its end.
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn place(name: &str) -> Place {
    let name = format!("oomph-recording-{}-{name}", std::process::id());
    Place(std::env::temp_dir().join(name))
}

#[test]
fn a_recording_that_was_saved_gives_the_same_answers() {
    let (recording, said) = recorded();
    assert!(said.iter().any(|text| text.contains("ENOMEM") || text.contains("Errno(12)")));
    assert!(said.iter().any(|text| text.contains("Signal(Fault")), "{said:?}");
    let file = place("same");
    recording.save(&file.0).expect("saved");
    let loaded = Recording::load(&file.0).expect("loaded");
    assert_eq!(loaded, recording);
    assert_eq!((loaded.header.cpus, loaded.header.curves), (3, false));
    let mut world = Recorded::new(loaded);
    assert_eq!(program(&mut world).expect("the same program"), said);
}

#[test]
fn the_same_run_is_the_same_file() {
    let files = ["one", "other"].map(place);
    let bytes = files.each_ref().map(|file| {
        recorded().0.save(&file.0).expect("saved");
        std::fs::read(&file.0).expect("the file")
    });
    assert_eq!(bytes[0], bytes[1]);
}

#[test]
fn a_question_that_was_not_asked_is_named_with_the_one_that_was() {
    let mut world = Recorded::new(recorded().0);
    world.prepare(&Setup::default()).expect("as recorded");
    let said = world.start(&ProcessSpec { uid: 7, ..spec() }).err().map(|error| error.0);
    let said = said.expect("an error");
    assert!(said.contains("uid=1000") && said.contains("uid=7"), "{said}");
}

#[test]
fn behind_the_end_there_is_no_answer() {
    let (recording, _) = recorded();
    let mut world = Recorded::new(recording);
    program(&mut world).expect("the same program");
    let said = world.exec(TWO).err().map(|error| error.0).unwrap_or_default();
    assert!(said.starts_with("the recording has ended"), "{said}");
}

#[test]
fn a_file_that_nobody_read_is_known_until_the_scenario_begins() {
    let mut world = Recorded::new(recorded().0);
    world.prepare(&Setup::default()).expect("as recorded");
    assert_eq!(world.read("/proc/vmstat").ok().as_deref(), Some(&b"nr_free_pages 7\n"[..]));
    world.measured();
    assert!(world.read("/proc/vmstat").is_err());
}

#[test]
fn an_end_stays_and_begins_anew_with_the_processes() {
    let mut recording = recorded().0;
    recording.lines = vec![
        (words::ended(TWO), words::of_end(End::Signal(9))),
        (words::PANICKED.to_owned(), "out".into()),
        ("clear".to_owned(), serde_json::Value::Null),
    ];
    let mut world = Recorded::new(recording);
    assert_eq!(world.alive(ProcessId(0)).ok(), Some(None));
    assert_eq!(world.alive(TWO).ok(), Some(Some(End::Signal(9))));
    assert_eq!(world.alive(TWO).ok(), Some(Some(End::Signal(9))));
    assert_eq!((world.panicked(), world.panicked()), (Some("out".into()), Some("out".into())));
    world.clear();
    assert_eq!(world.alive(TWO).ok(), Some(None));
}

#[test]
fn who_was_killed_before_a_panic_is_in_the_log() {
    let two = ProcessSpec { name: "two".to_owned(), ..spec() };
    let log = "[    5.1] Out of memory: Killed process 96 (one) total-vm:22768kB, anon-rss:124kB, file-rss:0kB, \
               shmem-rss:20kB, UID:1000 pgtables:68kB oom_score_adj:0\n\
               [    5.2] Out of memory: Killed process 97 (two) total-vm:22768kB, anon-rss:124kB, file-rss:0kB, \
               shmem-rss:20kB, UID:1000 pgtables:68kB oom_score_adj:0\n";
    let killed = |id| (id, End::Signal(9));
    let one = ProcessId(0);
    let lines = [
        (words::start(&spec()), words::process(one)),
        (words::start(&two), words::process(TWO)),
        (words::DEATHS.to_owned(), words::deaths(&[killed(one)])),
        (words::sleep(1), serde_json::Value::Null),
        (words::PANICKED.to_owned(), "out".into()),
        (words::LOG.to_owned(), log.into()),
    ];
    let mut recording = recorded().0;
    recording.lines = lines.into();
    let mut world = Recorded::new(recording);
    assert_eq!(world.start(&spec()).ok(), Some(one));
    assert_eq!(world.start(&two).ok(), Some(TWO));
    assert_eq!(world.deaths().ok(), Some(vec![killed(one)]));
    assert_eq!(world.deaths().ok(), Some(Vec::new()), "it has not panicked yet");
    assert!(world.sleep(1).is_ok());
    assert_eq!(world.deaths().ok(), Some(vec![killed(TWO)]));
    assert_eq!(world.deaths().ok(), Some(Vec::new()), "each is told of once");
}

#[test]
fn answers_are_read_back_as_they_were() {
    let all =
        [None, Some(Stop::Killed), Some(Stop::Signal(Fault { signal: 11, code: -6, address: 1 }))];
    for stopped in all {
        let touched = Touched { done: 9, stopped };
        assert_eq!(words::to_touched(&words::touched(&touched)), Some(touched));
    }
    for returned in [
        Returned::plain(Ok(u64::MAX)),
        Returned::plain(Err(Errno::ENOMEM)),
        Returned { value: Ok(0), residency: vec![1, 0, 255] },
    ] {
        assert_eq!(words::to_returned(&words::returned(&returned)), Some(returned));
    }
    let deaths = vec![(TWO, End::Signal(9)), (ProcessId(0), End::Exit(-1))];
    assert_eq!(words::to_deaths(&words::deaths(&deaths)), Some(deaths));
}

#[test]
fn a_text_that_is_no_recording_is_said_to_be_none() {
    let said = |text: &str| super::read(text).err().unwrap_or_default();
    assert_eq!(said(""), "it is empty");
    assert!(said("{}\n").contains("expected the header"), "{}", said("{}\n"));
    assert!(said("{\"oomph-recording\": 2}\n").contains("format is 2"));
    let head = "{\"oomph-recording\":1,\"scenario\":\"a\",\"text\":\"\",\"series\":\"6.1\",\"package\":\"p\",\
                \"cpus\":1,\"parameters\":[]}\n";
    assert!(super::read(head).is_ok());
    assert!(said(&format!("{head}[1]\n")).starts_with("line 2: "));
    let file = place("plain");
    std::fs::write(&file.0, head).expect("written");
    let error = Recording::load(&file.0).err().map(|error| error.0).unwrap_or_default();
    assert!(error.starts_with("cannot read"), "{error}");
}

#[test]
fn recordings_of_a_scenario_are_found_by_its_name() {
    assert_eq!(Recording::file_name("x/49-limit.kdl", "6.1"), "49-limit.vm-6.1.jsonl.gz");
    assert_eq!(Recording::file_name("-", "/boot/vmlinuz a"), "-.vm-vmlinuz_a.jsonl.gz");
}

#[test]
fn a_kernel_that_cannot_perform_a_scenario_says_why_from_its_recording_too() {
    let text = "process p { munlockall }\n";
    let boot = crate::vm::Boot {
        kernel: PathBuf::new(),
        nodes: vec![1 << 28],
        cpus: 2,
        disks: Vec::new(),
        modules: Vec::new(),
        parameters: Vec::new(),
        cgroups: crate::vm::CgroupVersion::V1,
    };
    let why = WorldError("this kernel has none of it".to_owned());
    let refusal = Recording::of_refusal(("one", text), ("6.12", "linux-image"), &boot, &why);
    let file = place("refusal");
    refusal.save(&file.0).expect("it is written");
    let again = Recording::load(&file.0).expect("it is read");
    assert_eq!(again, refusal);
    let scenario = scenario::check(&scenario::Source::new("one", text)).expect("a scenario");
    assert_eq!(crate::in_recording(&scenario, again).expect_err("a refusal").0, why.0);
}
