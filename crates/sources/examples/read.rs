//! Reads a source and says what came of it, or captures it: `read SOURCE [CAPTURE]`.

#![allow(clippy::print_stdout, reason = "an example talks to the person who runs it")]

use std::error::Error;
use std::path::Path;

use oomph_sources::{Options, Want};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut source = oomph_sources::open(&arguments.next().unwrap_or_else(|| "live".to_owned()))?;
    if let Some(to) = arguments.next() {
        let summary =
            oomph_sources::capture_to_file(source.tree(), Path::new(&to), Options::default())?;
        println!("{summary:?}");
        return Ok(());
    }
    let snapshot = source.snapshot(&Want::status());
    println!("{:#?}", snapshot.tasks.iter().max_by_key(|task| task.rss));
    println!("{:#?}", snapshot.cgroups);
    println!("{:#?} {:?}", snapshot.viewpoint, snapshot.users);
    println!("{}: {:?}, {} processes", snapshot.origin, snapshot.kernel, snapshot.tasks.len());
    println!("page size {:?}, known: {}", snapshot.page_size, snapshot.page_size_known);
    for missing in &snapshot.missing {
        println!("{missing}");
    }
    Ok(())
}
