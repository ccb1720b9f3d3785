//! A text that was read once, and the places in it that take other values.

use std::fmt;

use crate::check::check_nodes;
use crate::problem::{Problem, Problems, nearest};
use crate::source::{Source, Span};
use crate::tree::{self, Node, Text};
use crate::words::{self, MACHINE, STEPS, TOP};
use crate::{Scenario, check};

/// A scenario whose values can be replaced.
#[derive(Debug, Clone)]
pub struct Template {
    source: Source,
    nodes: Vec<Node>,
}

/// A value in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// As it was named.
    pub path: String,
    /// Which node, by the way down to it.
    node: Vec<usize>,
    slot: Slot,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Slot {
    Arg(usize),
    Prop(usize),
    /// An option that the text leaves out.
    Missing(String),
}

/// No value of the scenario is named so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoPlace {
    /// What was asked for.
    pub path: String,
    /// What may be meant.
    pub near: Option<String>,
    /// Some places that there are.
    pub known: Vec<String>,
}

impl fmt::Display for NoPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing in the scenario is named `{}`", self.path)?;
        match &self.near {
            Some(near) => write!(f, "; did you mean `{near}`?"),
            None => write!(f, "; there are {}", self.known.join(", ")),
        }
    }
}

impl std::error::Error for NoPlace {}

impl Template {
    /// Reads a text. What cannot be read is told as [`check`] tells it.
    ///
    /// # Errors
    /// Every mistake of the scenario as it is written.
    pub fn new(source: &Source) -> Result<Template, Problems> {
        check(source)?;
        let mut problems: Vec<Problem> = Vec::new();
        let nodes = tree::parse(source, &mut problems);
        if !problems.is_empty() {
            return Err(Problems::new(source.clone(), problems));
        }
        Ok(Template { source: source.clone(), nodes })
    }

    /// The text.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The place of that name: the words that lead to it, with dots between them. Behind a word may
    /// stand which of several is meant (`process.web`, `machine.sysctl.vm.swappiness`), and at the
    /// end an option (`process.web.adj`). Without one it is the first number behind the word.
    ///
    /// # Errors
    /// There is no such place.
    pub fn place(&self, path: &str) -> Result<Place, NoPlace> {
        find(&self.nodes, path, &mut Vec::new(), 0)
            .map(|(node, slot)| Place { path: path.to_owned(), node, slot })
            .ok_or_else(|| {
                let known = self.places();
                let near = nearest(path, known.iter().map(String::as_str)).map(str::to_owned);
                let known = known.into_iter().take(12).map(|path| format!("`{path}`")).collect();
                NoPlace { path: path.to_owned(), near, known }
            })
    }

    /// Names of the values that the text has.
    pub fn places(&self) -> Vec<String> {
        let mut all = Vec::new();
        list(&self.nodes, "", &mut all, 0);
        all
    }

    /// What stands at a place now; `None` for an option that is left out.
    pub fn text_at(&self, place: &Place) -> Option<&str> {
        let node = at(&self.nodes, &place.node)?;
        match place.slot {
            Slot::Arg(index) => node.args.get(index).map(|word| word.text.as_str()),
            Slot::Prop(index) => node.props.get(index).map(|(_, value)| value.text.as_str()),
            Slot::Missing(_) => None,
        }
    }

    /// The scenario with these words in these places.
    ///
    /// # Errors
    /// The mistakes that come of it, drawn where the words were put.
    pub fn with<'a>(
        &self,
        values: impl IntoIterator<Item = (&'a Place, &'a str)>,
    ) -> Result<Scenario, Problems> {
        let mut nodes = self.nodes.clone();
        for (place, value) in values {
            let Some(node) = at_mut(&mut nodes, &place.node) else { continue };
            match &place.slot {
                Slot::Arg(index) => set(node.args.get_mut(*index), value),
                Slot::Prop(index) => set(node.props.get_mut(*index).map(|(_, text)| text), value),
                Slot::Missing(name) => {
                    let span = node.name.span;
                    node.props.push((word(name, span), word(value, span)));
                }
            }
        }
        check_nodes(&self.source, &nodes, Vec::new())
    }
}

fn word(text: &str, span: Span) -> Text {
    Text { text: text.to_owned(), span, quoted: false }
}

fn set(slot: Option<&mut Text>, value: &str) {
    if let Some(text) = slot {
        value.clone_into(&mut text.text);
    }
}

fn at<'n>(nodes: &'n [Node], path: &[usize]) -> Option<&'n Node> {
    let (first, rest) = path.split_first()?;
    let node = nodes.get(*first)?;
    if rest.is_empty() { Some(node) } else { at(node.children.as_deref()?, rest) }
}

fn at_mut<'n>(nodes: &'n mut [Node], path: &[usize]) -> Option<&'n mut Node> {
    let (first, rest) = path.split_first()?;
    let node = nodes.get_mut(*first)?;
    if rest.is_empty() { Some(node) } else { at_mut(node.children.as_deref_mut()?, rest) }
}

/// Behind `name` and a dot, or the end.
fn behind<'p>(path: &'p str, name: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(name)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('.') }
}

fn find(
    nodes: &[Node],
    path: &str,
    way: &mut Vec<usize>,
    depth: usize,
) -> Option<(Vec<usize>, Slot)> {
    for (index, node) in nodes.iter().enumerate() {
        let Some(rest) = behind(path, &node.name.text) else { continue };
        way.push(index);
        let found = in_node(node, rest, way, depth);
        if found.is_some() {
            return found;
        }
        way.pop();
    }
    None
}

fn in_node(
    node: &Node,
    rest: &str,
    way: &mut Vec<usize>,
    depth: usize,
) -> Option<(Vec<usize>, Slot)> {
    if rest.is_empty() {
        return main_value(node, 0).map(|index| (way.clone(), Slot::Arg(index)));
    }
    for (index, arg) in node.args.iter().enumerate() {
        match behind(rest, &arg.text) {
            Some("") => {
                let next = main_value(node, index + 1).or_else(|| {
                    let next = index + 1;
                    (next < node.args.len()).then_some(next)
                });
                return next.map(|next| (way.clone(), Slot::Arg(next)));
            }
            Some(rest) => {
                if let Some(found) = below(node, rest, way, depth) {
                    return Some(found);
                }
            }
            None => {}
        }
    }
    below(node, rest, way, depth)
}

/// An option of a node, or what is in its block.
fn below(
    node: &Node,
    rest: &str,
    way: &mut Vec<usize>,
    depth: usize,
) -> Option<(Vec<usize>, Slot)> {
    if let Some(index) = node.props.iter().position(|(key, _)| key.text == rest) {
        return Some((way.clone(), Slot::Prop(index)));
    }
    let found = find(node.children.as_deref().unwrap_or_default(), rest, way, depth + 1);
    if found.is_some() {
        return found;
    }
    let known = options(&node.name.text, depth).any(|option| option == rest);
    known.then(|| (way.clone(), Slot::Missing(rest.to_owned())))
}

/// The options with a value that a word takes.
fn options(word: &str, depth: usize) -> impl Iterator<Item = &'static str> {
    let table = if depth == 0 {
        words::find(TOP, word).map(|entry| entry.options)
    } else {
        words::find(MACHINE, word)
            .map(|entry| entry.options)
            .or_else(|| words::find(STEPS, word).map(|entry| entry.options))
    };
    table.unwrap_or_default().iter().filter_map(|(name, _)| name.strip_suffix('='))
}

/// The first argument that is a number.
fn main_value(node: &Node, from: usize) -> Option<usize> {
    let number = |text: &Text| {
        !text.quoted
            && text.text.trim_start_matches(['-', '+']).starts_with(|c: char| c.is_ascii_digit())
    };
    (from..node.args.len()).find(|&index| node.args.get(index).is_some_and(number))
}

fn list(nodes: &[Node], before: &str, all: &mut Vec<String>, depth: usize) {
    for node in nodes {
        let mut name = format!("{before}{}", node.name.text);
        if matches!(node.name.text.as_str(), "process" | "file" | "cgroup" | "sysctl" | "fork")
            && let Some(first) = node.args.first()
        {
            name = format!("{name}.{}", first.text);
        }
        let valued = depth > 0 || node.name.text == "file" || node.name.text == "seed";
        if valued && main_value(node, 0).is_some() && !all.contains(&name) {
            all.push(name.clone());
        }
        for (key, _) in &node.props {
            all.push(format!("{name}.{}", key.text));
        }
        list(node.children.as_deref().unwrap_or_default(), &format!("{name}."), all, depth + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "machine {
            ram 256MiB
            sysctl vm.swappiness 60
            cgroup \"/web\" max=64MiB { memory.swap.high 1MiB }
        }
        file data 8MiB
        process web cgroup=\"/web\" count=2 {
            grow pieces 10MiB by=1MiB
            repeat 3 { sleep 5ms }
        }
        process db { grow pieces 20MiB }";

    fn template() -> Template {
        Template::new(&Source::new("t", TEXT)).unwrap_or_else(|problems| panic!("{problems}"))
    }

    #[test]
    fn values_are_found_by_the_words_that_lead_to_them() {
        let template = template();
        for (path, text) in [
            ("machine.ram", Some("256MiB")),
            ("machine.sysctl.vm.swappiness", Some("60")),
            ("machine.cgroup./web.max", Some("64MiB")),
            ("machine.cgroup./web.memory.swap.high", Some("1MiB")),
            ("file.data", Some("8MiB")),
            ("process.web.grow", Some("10MiB")),
            ("process.web.grow.pieces", Some("10MiB")),
            ("process.web.grow.by", Some("1MiB")),
            ("process.db.grow", Some("20MiB")),
            ("process.web.count", Some("2")),
            ("process.web.repeat", Some("3")),
            ("process.web.repeat.sleep", Some("5ms")),
            ("process.db.adj", None),
        ] {
            let place = template.place(path).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(template.text_at(&place), text, "{path}");
        }
    }

    #[test]
    fn what_is_not_there_is_told_with_what_is() {
        let template = template();
        let error = template.place("process.web.gorw").expect_err("a slip").to_string();
        assert!(error.contains("did you mean `process.web.grow`?"), "{error}");
        let error = template.place("elephant").expect_err("nothing").to_string();
        assert!(error.contains("`machine.ram`"), "{error}");
        assert!(template.place("process.web.adjj").is_err());
        assert!(template.place("process").is_err());
    }

    #[test]
    fn another_value_is_checked_as_if_it_were_written() {
        let template = template();
        let count = template.place("process.web.count").expect("a place");
        let adj = template.place("process.db.adj").expect("a place");
        let scenario = template.with([(&count, "5"), (&adj, "-100")]);
        let scenario = scenario.unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(scenario.starts.len(), 6);
        assert_eq!(scenario.starts[5].spec.adj.get(), -100);
        let problems = template.with([(&adj, "2000")]).expect_err("out of range").to_string();
        assert!(problems.contains("expected a number from -1000 to 1000"), "{problems}");
    }

    #[test]
    fn every_place_that_is_listed_is_one() {
        let template = template();
        let places = template.places();
        assert!(places.len() >= 10, "{places:?}");
        for path in places {
            assert!(template.place(&path).is_ok(), "{path}");
        }
    }
}
