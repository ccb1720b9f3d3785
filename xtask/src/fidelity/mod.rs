//! wip
use crate::Stop;
pub(crate) fn run(_args: &[String]) -> Result<bool, Stop> { Ok(true) }
