//! `cargo xtask published`: what the literature on running out of memory prints, computed here.
//!
//! Figures about machines are scenarios, whose claims are the figures; the others follow from one rule or
//! from the model of the allocator.

mod figures;
mod scenarios;

use std::fmt::Display;

use crate::Stop;

/// One published number and ours.
#[derive(Debug, PartialEq, Eq)]
struct Figure {
    /// What it is of.
    what: String,
    /// As it was printed.
    published: String,
    /// As it comes out here.
    here: String,
    verdict: Verdict,
}

/// How the two compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Same,
    /// Apart, and it is known why.
    Apart(&'static str),
    Different,
}

impl Figure {
    /// A figure that must be met exactly.
    fn exact(
        what: impl Into<String>,
        published: impl Display,
        here: Option<impl Display>,
    ) -> Figure {
        let (published, here) = (published.to_string(), here.map(|here| here.to_string()));
        let same = here.as_ref() == Some(&published);
        Figure {
            what: what.into(),
            published,
            here: here.unwrap_or_else(|| "nothing".to_owned()),
            verdict: if same { Verdict::Same } else { Verdict::Different },
        }
    }

    /// A figure of which it is known why it is not met; it is an error when it is met after all, or by
    /// another number.
    fn apart(what: &str, published: u64, here: u64, known: u64, why: &'static str) -> Figure {
        let verdict = if here == known { Verdict::Apart(why) } else { Verdict::Different };
        Figure {
            what: what.to_owned(),
            published: published.to_string(),
            here: here.to_string(),
            verdict,
        }
    }
}

/// Prints every figure; true when all come out as they were printed, or as far from it as is known.
pub(crate) fn run(args: &[String]) -> Result<bool, Stop> {
    if let Some(other) = args.first() {
        return Err(format!("`published` takes nothing, found `{other}`"));
    }
    let mut groups = scenarios::all()?;
    groups.extend(figures::all());
    let (mut same, mut apart, mut different) = (0, 0, 0);
    for (title, figures) in &groups {
        println!("{title}");
        for Figure { what, published, here, verdict } in figures {
            let (sign, why) = match verdict {
                Verdict::Same => ("  yes", String::new()),
                Verdict::Apart(why) => ("apart", format!(": {why}")),
                Verdict::Different => ("   NO", String::new()),
            };
            *match verdict {
                Verdict::Same => &mut same,
                Verdict::Apart(_) => &mut apart,
                Verdict::Different => &mut different,
            } += 1;
            println!("  {sign}  {what}: {published}; here {here}{why}");
        }
    }
    println!(
        "{} figures: {same} as published, {apart} apart for a known reason, {different} different",
        same + apart + different
    );
    Ok(different == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_rule_gives_comes_out_as_published() {
        for (title, figures) in figures::all() {
            for figure in figures {
                assert_ne!(figure.verdict, Verdict::Different, "{title}: {figure:?}");
            }
        }
    }

    #[test]
    fn a_figure_that_differs_is_noticed() {
        assert_eq!(Figure::exact("score", 829, Some(828)).verdict, Verdict::Different);
        assert_eq!(Figure::exact("score", 829, None::<u64>).verdict, Verdict::Different);
        assert_eq!(Figure::apart("kB", 10, 12, 11, "why").verdict, Verdict::Different);
        assert_eq!(Figure::apart("kB", 10, 11, 11, "why").verdict, Verdict::Apart("why"));
    }
}
