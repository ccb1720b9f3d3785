//! From nodes to a scenario: every word known, every name given before it is used.

mod args;
mod claims;
mod files;
mod future;
mod machine;
mod policy;
mod scope;
mod steps;
mod whole;

use std::collections::BTreeMap;

use facts::Release;
use units::ScoreAdj;
use world::{FileSpec, ForkKind, Limits, ProcessSpec};

use crate::machine::MachineSpec;
use crate::problem::{Problem, Problems};
use crate::program::{Arm, Future, NameId, Op, Program, ProgramId, Start, Step};
use crate::source::{Source, Span};
use crate::tree::{self, Node, Text};
use crate::words::{self, TOP, TopWord};
use crate::{Measured, Scenario, Tolerance};
use args::Args;
use scope::{Names, Scope};

/// Most rounds of one loop, and most random accesses of one step.
pub const MOST_ROUNDS: u64 = 100_000_000;

/// Most steps that a scenario is written with.
const MOST_STEPS: usize = 200_000;

/// Most processes that a scenario starts.
const MOST_STARTS: usize = 100_000;

/// Reads and checks a scenario; every mistake at once, if there are any.
pub fn check(source: &Source) -> Result<Scenario, Problems> {
    let mut problems = Vec::new();
    let nodes = tree::parse(source, &mut problems);
    check_nodes(source, &nodes, problems)
}

/// Checks what was read, with the mistakes of reading.
pub(crate) fn check_nodes(
    source: &Source,
    nodes: &[Node],
    mut problems: Vec<Problem>,
) -> Result<Scenario, Problems> {
    let mut checker = Checker::new(&mut problems);
    if checker.problems.is_empty() {
        checker.top(nodes);
    }
    let scenario = checker.scenario(source);
    if problems.is_empty() { Ok(scenario) } else { Err(Problems::new(source.clone(), problems)) }
}

/// What was understood so far.
struct Checker<'p> {
    problems: &'p mut Vec<Problem>,
    title: Option<String>,
    arms: Vec<Arm>,
    seed: Option<u64>,
    tolerances: Vec<Tolerance>,
    machine: Option<MachineSpec>,
    files: Vec<FileSpec>,
    starts: Vec<Start>,
    programs: Vec<Program>,
    at_end: Vec<Step>,
    futures: Vec<Future>,
    /// What each program knew at its end, by the name of the process.
    scopes: BTreeMap<NameId, Scope>,
    names: Names,
    steps: usize,
    /// Every checkpoint that any program reaches.
    checkpoints: Vec<String>,
    /// Cgroups that processes are in, and steps write to.
    cgroups: Vec<Text>,
}

impl<'p> Checker<'p> {
    fn new(problems: &'p mut Vec<Problem>) -> Checker<'p> {
        Checker {
            problems,
            title: None,
            arms: Vec::new(),
            seed: None,
            tolerances: Vec::new(),
            machine: None,
            files: Vec::new(),
            starts: Vec::new(),
            programs: Vec::new(),
            at_end: Vec::new(),
            futures: Vec::new(),
            scopes: BTreeMap::new(),
            names: Names::default(),
            steps: 0,
            checkpoints: Vec::new(),
            cgroups: Vec::new(),
        }
    }

    fn scenario(self, source: &Source) -> Scenario {
        Scenario {
            source: source.clone(),
            title: self.title,
            runs_on: self.arms,
            seed: self.seed.unwrap_or(1),
            tolerances: self.tolerances,
            machine: self.machine.unwrap_or_default(),
            files: self.files,
            starts: self.starts,
            programs: self.programs,
            at_end: self.at_end,
            futures: self.futures,
            names: self.names.processes,
            handles: self.names.handles,
        }
    }

    /// Keeps a mistake and goes on without what it is about.
    fn ok<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.problems.push(problem)).ok()
    }

    fn top(&mut self, nodes: &[Node]) {
        self.process_names(nodes);
        self.names_in_futures(nodes);
        // Files first: steps name them, wherever in the text they stand. What should be so at the
        // end comes last: it may name every checkpoint.
        let mut order: Vec<&Node> = nodes.iter().collect();
        order.sort_by_key(|node| match node.name.text.as_str() {
            "file" => 0,
            "future" => 2,
            "expect" => 3,
            _ => 1,
        });
        for node in order {
            let Some(entry) = words::find(TOP, &node.name.text) else {
                self.unknown_top(node);
                continue;
            };
            let mut args = Args::new(node, entry);
            if entry.word == TopWord::Expect {
                self.expect_at_end(node, &mut args);
                continue;
            }
            let result = match entry.word {
                TopWord::Title => self.title(&mut args),
                TopWord::RunsOn => self.runs_on(&mut args),
                TopWord::Seed => self.seed(&mut args),
                TopWord::Tolerance => self.tolerance(&mut args),
                TopWord::Machine => self.machine(&args),
                TopWord::File => self.file(&mut args),
                TopWord::Process => self.process(node, &mut args),
                TopWord::Future => self.future(node, &mut args),
                TopWord::Expect => Ok(()),
            };
            let blocks = [TopWord::Machine, TopWord::Process, TopWord::Future];
            let block = blocks.contains(&entry.word);
            if self.ok(result).is_some() {
                args.finish(block, self.problems);
            }
        }
        let none = nodes.iter().all(|node| node.name.text != "process");
        if none && self.problems.is_empty() {
            self.problems.push(
                Problem::new(Span::default(), "nothing happens: there is no process")
                    .label("the scenario starts here")
                    .help("a process is written `process NAME { STEPS }`"),
            );
        }
        self.known_cgroups();
    }

    fn expect_at_end(&mut self, node: &Node, args: &mut Args<'_>) {
        let mut scope = Scope::default();
        scope.checkpoints.clone_from(&self.checkpoints);
        let expect = claims::expect(self, node, args, &scope);
        let expect = expect.and_then(|expect| match claims::needs_process(&expect.claim) {
            Some(span) => Err(Problem::new(
                if span == Span::default() { node.span } else { span },
                "this is about one process, and none is meant here",
            )
            .label("whose?")
            .help("in the block of a process it is about that one; here, write `NAME.VmRSS`")),
            None => Ok(expect),
        });
        if let Some(expect) = self.ok(expect) {
            self.at_end.push(Step { op: Op::Expect(expect), span: node.span });
        }
    }

    /// Cgroups that are used are there, if any is.
    fn known_cgroups(&mut self) {
        let known: Vec<&str> = self
            .machine
            .iter()
            .flat_map(|machine| &machine.cgroups)
            .map(|cgroup| cgroup.path.as_str())
            .collect();
        for path in &self.cgroups {
            let within = |known: &&str| {
                *known == path.text
                    || known.strip_prefix(&path.text).is_some_and(|r| r.starts_with('/'))
            };
            if path.text != "/" && !known.iter().any(within) {
                let problem =
                    Problem::new(path.span, format!("there is no cgroup `{}`", path.text))
                        .label("not in the block of `machine`");
                self.problems.push(problem.suggest(&path.text, known.iter().copied()));
            }
        }
    }

    fn unknown_top(&mut self, node: &Node) {
        let word = &node.name;
        let problem = Problem::new(word.span, format!("there is no word `{}`", word.text))
            .label("not known at the top of a scenario");
        let problem = if words::find(words::STEPS, &word.text).is_some() {
            problem.help("this is a step, and stands in the block of a `process`")
        } else if words::find(words::MACHINE, &word.text).is_some() {
            problem.help("this stands in the block of `machine`")
        } else {
            problem.suggest(&word.text, words::names(TOP))
        };
        self.problems.push(problem);
    }

    /// Finds the names of all processes, so that a step can name one that is written further down.
    fn process_names(&mut self, nodes: &[Node]) {
        for node in nodes.iter().filter(|node| node.name.text != "future") {
            let makes = matches!(node.name.text.as_str(), "process" | "fork" | "vfork" | "thread");
            if let (true, Some(name)) = (makes, node.args.first()) {
                if let Some(problem) = scope::refuse_name(name) {
                    self.problems.push(problem);
                } else if self.names.process(&name.text).is_some() {
                    self.problems.push(
                        Problem::new(name.span, format!("two processes are named `{}`", name.text))
                            .label("the second one"),
                    );
                } else {
                    self.names.processes.push(name.text.clone());
                }
            }
            self.process_names(node.children.as_deref().unwrap_or_default());
        }
    }

    fn title(&mut self, args: &mut Args<'_>) -> Result<(), Problem> {
        let text = args.need("its text")?;
        once(self.title.is_some(), args.span())?;
        self.title = Some(text.text.clone());
        Ok(())
    }

    fn runs_on(&mut self, args: &mut Args<'_>) -> Result<(), Problem> {
        once(!self.arms.is_empty(), args.span())?;
        while let Some(word) = args.raw() {
            self.arms.push(args::one_of(word, Arm::NAMES, "place to run on")?);
        }
        if self.arms.is_empty() {
            args.need("where")?;
        }
        self.arms.sort_unstable();
        self.arms.dedup();
        Ok(())
    }

    fn seed(&mut self, args: &mut Args<'_>) -> Result<(), Problem> {
        once(self.seed.is_some(), args.span())?;
        self.seed = Some(args::whole(args.need("its number")?)?);
        Ok(())
    }

    fn tolerance(&mut self, args: &mut Args<'_>) -> Result<(), Problem> {
        let name = args.need("its quantity")?;
        let what = args::one_of(name, Measured::NAMES, "quantity")?;
        if self.tolerances.iter().any(|known| known.what == what) {
            return Err(Problem::new(name.span, "this is said twice").label("the second time"));
        }
        let mut tolerance = Tolerance { what, milli_percent: 0, amount: 0 };
        let mut word = args.need("a share such as `2%` or a size")?;
        if let Some(share) = args::percent(word)? {
            tolerance.milli_percent = share;
            let Some(next) = args.next() else {
                self.tolerances.push(tolerance);
                return Ok(());
            };
            word = next;
        }
        tolerance.amount = args::size(word)?;
        self.tolerances.push(tolerance);
        Ok(())
    }

    fn machine(&mut self, args: &Args<'_>) -> Result<(), Problem> {
        once(self.machine.is_some(), args.span())?;
        let spec = machine::check(args.block()?, self.problems);
        self.machine = Some(spec);
        Ok(())
    }

    fn file(&mut self, args: &mut Args<'_>) -> Result<(), Problem> {
        let name = args.need("its name")?;
        if let Some(problem) = scope::refuse_name(name) {
            return Err(problem);
        }
        if self.files.iter().any(|file| file.name == name.text) {
            return Err(Problem::new(name.span, format!("two files are named `{}`", name.text))
                .label("the second one"));
        }
        let len = args::size(args.need("its size")?)?;
        let tmpfs = args.flag("in-memory");
        self.files.push(FileSpec { name: name.text.clone(), len, tmpfs });
        Ok(())
    }

    fn process(&mut self, node: &Node, args: &mut Args<'_>) -> Result<(), Problem> {
        let name = args.need("its name")?;
        let Some(id) = self.names.process(&name.text) else {
            // Its name was refused already.
            return Ok(());
        };
        let number = |word: Option<&Text>, low, high, default: i64| {
            word.map_or(Ok(default), |word| args::signed(word, low, high))
        };
        let limit = |word: Option<&Text>| match word {
            Some(word) if word.text == "unlimited" => Ok(Some(u64::MAX)),
            Some(word) => args::size(word).map(Some),
            None => Ok(None),
        };
        let at = args.prop("start").map_or(Ok(0), args::time)?;
        let uid = number(args.prop("uid"), 0, i64::from(u32::MAX), 1000)?;
        let nice = number(args.prop("nice"), -20, 19, 0)?;
        let adj = number(args.prop("adj"), -1000, 1000, 0)?;
        let spec = ProcessSpec {
            name: name.text.clone(),
            uid: u32::try_from(uid).unwrap_or(0),
            nice: i8::try_from(nice).unwrap_or(0),
            adj: ScoreAdj::new(adj).map_err(|error| Problem::new(name.span, error.to_string()))?,
            limits: Limits {
                data: limit(args.prop("limit-data"))?,
                stack: limit(args.prop("limit-stack"))?,
                memlock: limit(args.prop("limit-memlock"))?,
                address_space: limit(args.prop("limit-as"))?,
            },
            cgroup: args.prop("cgroup").map(|path| path.text.clone()),
        };
        let block = args.block()?;
        let count = number(args.prop("count"), 0, 100_000, 1)?;
        let apart = args.prop("apart").map_or(Ok(0), args::time)?;
        if let Some(path) = args.prop("cgroup") {
            self.cgroups.push(path.clone());
        }
        let first = args.prop("node").map(policy::run_on).transpose()?;
        let first = first.map(|op| Step { op, span: node.span });
        let scope = &mut Scope::default();
        let program = self.program_after(first, id, None, block.iter(), scope);
        for nth in 0..u64::try_from(count).unwrap_or(1) {
            let at = at.saturating_add(apart.saturating_mul(nth));
            self.starts.push(Start { spec: spec.clone(), at, program, span: node.span });
        }
        if self.starts.len() > MOST_STARTS {
            self.starts.truncate(MOST_STARTS);
            return Err(Problem::new(node.span, format!("more than {MOST_STARTS} processes"))
                .label("too many"));
        }
        Ok(())
    }

    /// A program from its steps. The scope is what it may use; what it gives is added.
    fn program<'n>(
        &mut self,
        name: NameId,
        child: Option<ForkKind>,
        nodes: impl Iterator<Item = &'n Node>,
        scope: &mut Scope,
    ) -> ProgramId {
        self.program_after(None, name, child, nodes, scope)
    }

    /// The same with a step before them.
    fn program_after<'n>(
        &mut self,
        first: Option<Step>,
        name: NameId,
        child: Option<ForkKind>,
        nodes: impl Iterator<Item = &'n Node>,
        scope: &mut Scope,
    ) -> ProgramId {
        let id = ProgramId(self.programs.len());
        self.programs.push(Program { name, child, steps: Vec::new() });
        let mut steps = Vec::new();
        steps.extend(first);
        for node in nodes {
            self.step(node, scope, &mut steps);
        }
        if let Some(program) = self.programs.get_mut(id.0) {
            program.steps = steps;
        }
        self.scopes.insert(name, scope.clone());
        id
    }

    fn push(&mut self, steps: &mut Vec<Step>, op: Op, span: Span) {
        self.steps += 1;
        if self.steps == MOST_STEPS {
            self.problems.push(
                Problem::new(span, format!("more than {MOST_STEPS} steps are written"))
                    .label("this one is too many")
                    .help("`repeat` does steps again without writing them again"),
            );
        }
        if self.steps < MOST_STEPS {
            steps.push(Step { op, span });
        }
    }
}

/// What may be said once only.
fn once(there: bool, span: Span) -> Result<(), Problem> {
    if there {
        return Err(Problem::new(span, "this is said already").label("the second time"));
    }
    Ok(())
}

/// A kernel release.
fn release(word: &Text) -> Result<Release, Problem> {
    // A vendor's suffix (`6.1.0-56`) says nothing, and is let through as it is.
    let number = word.text.split(['-', '+']).next().unwrap_or("");
    if !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(Problem::new(word.span, format!("`{}` is no release of Linux", word.text))
            .label("such as 6.12 or 2.6.18"));
    }
    word.text
        .parse()
        .map_err(|message: String| Problem::new(word.span, message).label("no release of Linux"))
}

#[cfg(test)]
mod tests;
