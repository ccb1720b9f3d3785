//! Playing a plan on the model, and what is seen there.

pub(crate) mod check;
pub(crate) mod meter;
pub(crate) mod picture;
pub(crate) mod player;
pub(crate) mod report;
pub(crate) mod setting;
pub(crate) mod sizes;
pub(crate) mod sweep;
pub(crate) mod waste;

#[cfg(test)]
mod tests;
