//! Every word of the language, with what it means and an example: one table that the checker reads,
//! and from which the reference, the grammar and the suggestions are made. A word that is not here
//! cannot be used, and a word that is here is documented.

mod claims;
mod fields;
mod machine;
mod reference;
mod settings;
mod steps;

pub use claims::{CLAIMS, ClaimWord, RELATIONS, RelationWord, STATES, StateWord};
pub use fields::{
    FILE_VALUES, Field, FieldOf, MACHINE_FIELDS, MAPPING_FIELDS, PROCESS_FIELDS, Unit, VALUES,
};
pub use machine::{MACHINE, MachineWord, TOP, TopWord};
pub use reference::{examples, grammar, reference};
pub use settings::{SYSCTLS, SysctlEntry};
pub use steps::{STEPS, StepWord};

/// A word.
#[derive(Debug, Clone, Copy)]
pub struct Entry<W: 'static> {
    /// What the checker does with it.
    pub word: W,
    /// As it is written.
    pub name: &'static str,
    /// How it is used: capitals stand for what is chosen, brackets for what may be left out.
    pub form: &'static str,
    /// What it does, in a sentence or two.
    pub says: &'static str,
    /// Options, each as it is written (`NAME=` takes a value) with what it does.
    pub options: &'static [(&'static str, &'static str)],
    /// An example: of steps the body of a process, otherwise a whole scenario. Empty: shown by the
    /// others.
    pub example: &'static str,
}

/// The entry of that name.
pub(crate) fn find<W>(table: &'static [Entry<W>], name: &str) -> Option<&'static Entry<W>> {
    table.iter().find(|entry| entry.name == name)
}

/// The names in a table.
pub(crate) fn names<W>(table: &'static [Entry<W>]) -> impl Iterator<Item = &'static str> {
    table.iter().map(|entry| entry.name)
}

/// An example as a whole scenario: steps get a process around them.
pub fn whole_example(place: Place, example: &str) -> String {
    match place {
        // One that needs more than a process is whole already.
        Place::Step if !example.contains("process demo") => {
            let body = example.replace('\n', "\n    ");
            format!("process demo {{\n    {body}\n}}\n")
        }
        _ => format!("{example}\n"),
    }
}

/// Where a word stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At the top of the file.
    Top,
    /// In the block of `machine`.
    Machine,
    /// In the block of a process.
    Step,
}
