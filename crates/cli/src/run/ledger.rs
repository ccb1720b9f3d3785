//! `oomph ledger`.

use std::fs;
use std::path::Path;

use facts::{Account, Snapshot};
use rules::ledger::LedgerReport;
use rules::ledger_diff::Moment;
use sources::{AccountWant, Want};
use views::Rows;

use super::{machine, print_json};
use crate::args::{Global, LedgerArgs};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::output::Output;

pub(super) fn run(
    args: &LedgerArgs,
    global: &Global,
    out: &mut Output,
) -> Result<Outcome, Failure> {
    let rows = Rows::Top(args.top);
    if let Some(moments) = &args.diff {
        let (before, after) = match moments.as_slice() {
            [before, after] => (before.as_str(), after.as_str()),
            [before] => (before.as_str(), global.from.as_str()),
            _ => return Err(Failure::new("one or two moments can be compared")),
        };
        let (before, after) = (look(before, args, global)?, look(after, args, global)?);
        let report = rules::ledger_diff::diff(&before.moment(), &after.moment());
        if global.json {
            print_json(&report, out)?;
        } else {
            out.data(views::ledger_diff(&report, rows, out.style()).as_bytes())?;
        }
        return Ok(Outcome::Done);
    }
    let Look { ledger: report, .. } = look(&global.from, args, global)?;
    if let Some(file) = &args.svg {
        let picture = views::ledger_svg(&report);
        if file == Path::new("-") {
            out.data(picture.as_bytes())?;
            return Ok(Outcome::Done);
        }
        fs::write(file, picture).map_err(|error| {
            Failure::new(format!("cannot write `{}`", file.display())).because(&error)
        })?;
    }
    if global.json {
        print_json(&report, out)?;
    } else {
        out.data(views::ledger(&report, rows, out.style()).as_bytes())?;
    }
    Ok(Outcome::Done)
}

/// One machine at one moment, and its ledger.
struct Look {
    snapshot: Snapshot,
    account: Account,
    ledger: LedgerReport,
}

impl Look {
    fn moment(&self) -> Moment<'_> {
        Moment { snapshot: &self.snapshot, account: &self.account, ledger: &self.ledger }
    }
}

fn look(from: &str, args: &LedgerArgs, global: &Global) -> Result<Look, Failure> {
    let mut source = machine::open(from, global.kernel)?;
    let mut snapshot = source.snapshot(&Want::ledger());
    if let Some(release) = global.kernel {
        snapshot.kernel.release = Some(release);
    }
    let want = AccountWant {
        shares: !args.no_shares,
        mappings: args.diff.is_some(),
        most_stall_ms: args.max_stall,
    };
    let account = source.account(&mut snapshot, want);
    let ledger = rules::ledger::ledger(&snapshot, &account);
    Ok(Look { snapshot, account, ledger })
}
