//! Files of the scenario, and the actor's program.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use world::{FileSpec, WorldError};

use super::HostConfig;
use crate::sys;

/// The actor's program as a file that can be executed.
pub(super) fn program(bytes: &[u8]) -> Result<File, WorldError> {
    let no = |error| WorldError(format!("cannot put the actor into memory: {error}"));
    let mut file = sys::memfd(c"oomph-actor").map_err(no)?;
    file.write_all(bytes).map_err(no)?;
    Ok(file)
}

/// Makes the files; they have no name any more when this returns.
pub(super) fn make(specs: &[FileSpec], config: &HostConfig) -> Result<Vec<OwnedFd>, WorldError> {
    let mut made = Vec::new();
    for spec in specs {
        let folder = if spec.tmpfs { &config.memory } else { &config.disk };
        let file = make_one(spec, folder).map_err(|error| {
            WorldError(format!("cannot make a file in {}: {error}", folder.display()))
        })?;
        made.push(OwnedFd::from(file));
    }
    Ok(made)
}

/// One file, every page of it written, so that all are cached.
fn make_one(spec: &FileSpec, folder: &Path) -> std::io::Result<File> {
    let own = folder.join(format!("oomph-lab-{}-{}", std::process::id(), unique()));
    fs::create_dir(&own)?;
    // The name is the scenario's; nothing of it may lead out of the folder.
    let name: String =
        spec.name.chars().map(|c| if c == '/' || c == '\0' { '_' } else { c }).collect();
    let path = own.join(if name.starts_with('.') { format!("_{name}") } else { name });
    let made = OpenOptions::new().read(true).write(true).create_new(true).mode(0o666).open(&path);
    let removed = fs::remove_file(&path);
    fs::remove_dir(&own)?;
    let mut file = made?;
    removed?;
    file.set_permissions(fs::Permissions::from_mode(0o666))?;
    let page = [0_u8; 4096];
    let mut left = spec.len;
    while left > 0 {
        let piece = usize::try_from(left.min(4096)).unwrap_or(page.len());
        file.write_all(&page[..piece])?;
        left -= piece as u64;
    }
    // Clean, and not written back at some time of the disk's own choice.
    file.sync_all()?;
    Ok(file)
}

/// A number that no other folder of this process has.
fn unique() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
