//! What else may become of a moment.

use super::args::Args;
use super::{Checker, scope};
use crate::problem::Problem;
use crate::program::Future;
use crate::tree::Node;
use crate::words::{self, TOP, TopWord};

impl Checker<'_> {
    /// Finds names of processes that only futures have. Several may start one of the same name.
    pub(super) fn names_in_futures(&mut self, nodes: &[Node]) {
        let futures = nodes.iter().filter(|node| node.name.text == "future");
        let inside = futures.flat_map(|node| node.children.as_deref().unwrap_or_default());
        for node in inside {
            if let ("process", Some(name)) = (node.name.text.as_str(), node.args.first()) {
                if let Some(problem) = scope::refuse_name(name) {
                    self.problems.push(problem);
                } else if self.names.process(&name.text).is_none() {
                    self.names.processes.push(name.text.clone());
                }
            }
            self.process_names(node.children.as_deref().unwrap_or_default());
        }
    }

    pub(super) fn future(&mut self, node: &Node, args: &mut Args<'_>) -> Result<(), Problem> {
        let name = args.need("its name")?;
        if self.futures.iter().any(|future| future.name == name.text) {
            return Err(Problem::new(name.span, format!("two futures are named `{}`", name.text))
                .label("the second one"));
        }
        let after = args.prop("after");
        if let Some(word) = after.filter(|word| !self.checkpoints.contains(&word.text)) {
            let problem =
                Problem::new(word.span, format!("there is no checkpoint `{}`", word.text))
                    .label("after which moment?");
            self.problems
                .push(problem.suggest(&word.text, self.checkpoints.iter().map(String::as_str)));
        }
        // What happens here is not known to the rest of the scenario.
        let checkpoints = self.checkpoints.clone();
        let scopes = self.scopes.clone();
        let (starts, at_end) = (self.starts.len(), self.at_end.len());
        let first = self.programs.len();
        let mut goes_on = Vec::new();
        let block = args.block()?;
        // Claims last: they may name every checkpoint.
        let is_claim = |node: &&Node| node.name.text == "expect";
        let order = block.iter().filter(|node| !is_claim(node));
        for inner in order.chain(block.iter().filter(is_claim)) {
            match words::find(TOP, &inner.name.text) {
                Some(entry) if entry.word == TopWord::Expect => {
                    self.expect_at_end(inner, &mut Args::new(inner, entry));
                }
                Some(entry) if entry.word == TopWord::Process => {
                    let mut args = Args::new(inner, entry);
                    let known = inner.args.first().and_then(|name| self.names.process(&name.text));
                    let scope = known.and_then(|known| Some((known, scopes.get(&known)?.clone())));
                    let result = match scope {
                        None => self.process(inner, &mut args),
                        Some((known, mut scope)) => {
                            let program = args.need("its name").and_then(|_| {
                                let block = args.block()?;
                                Ok(self.program(known, None, block.iter(), &mut scope))
                            });
                            program.map(|program| goes_on.push((known, program)))
                        }
                    };
                    if scopes.keys().any(|name| Some(*name) == known)
                        && let Some((option, _)) = inner.props.first()
                    {
                        self.problems.push(
                            Problem::new(option.span, "this process is there already")
                                .label("what it is cannot change, only what it does"),
                        );
                    } else if self.ok(result).is_some() {
                        args.finish(true, self.problems);
                    }
                }
                _ => {
                    let word = &inner.name;
                    let text = format!("`{}` does not stand in a future", word.text);
                    let problem =
                        Problem::new(word.span, text).label("expected `process` or `expect`");
                    self.problems.push(problem.suggest(&word.text, ["process", "expect"]));
                }
            }
        }
        self.checkpoints = checkpoints;
        self.scopes = scopes;
        self.futures.push(Future {
            name: name.text.clone(),
            after: after.map(|word| word.text.clone()),
            goes_on,
            starts: self.starts.split_off(starts),
            at_end: self.at_end.split_off(at_end),
            programs: (first, self.programs.len()),
            span: node.span,
        });
        Ok(())
    }
}
