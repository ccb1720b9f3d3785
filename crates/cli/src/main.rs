//! The program `oomph`: parse, ask a source for a snapshot, apply the rules, hand to a view.
//!
//! # What this crate does not do
//! It computes nothing about memory. Exit codes are in one module, and so are the words for
//! failures.

mod args;
mod exit;
mod failure;
mod manual;
mod output;
mod run;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use exit::Outcome;
use output::{Output, talk};

fn main() -> ExitCode {
    let words: Vec<OsString> = env::args_os().collect();
    let convention = args::convention(&words);
    let outcome = match args::parse(&words) {
        Ok(invocation) => {
            let mut out = Output::new(invocation.global.color);
            run::run(&invocation, &mut out).unwrap_or_else(|failure| {
                talk(failure);
                Outcome::Failed
            })
        }
        Err(refusal) => args::answer(&refusal),
    };
    exit::code(outcome, convention)
}
