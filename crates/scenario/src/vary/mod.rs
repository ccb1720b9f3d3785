//! Many runs of one scenario, each with other values in some of its places.
//!
//! A [`Template`] is a text that was read once. A [`Place`] in it is named by the words that lead to
//! it, such as `process.web.grow` or `machine.ram`, and takes another value for each run; what comes
//! of it is checked as if it had been written so. Which values a run has follows from the seed and
//! the number of the run alone, so that any number of threads gives the same.

mod report;
mod template;
mod values;

pub use report::{
    AmountRow, EdgeRow, FoundRow, Outcome, RunRow, SCHEMA, Summary, VariationsReport, VariedRow,
    VictimRow,
};
pub use template::{NoPlace, Place, Template};
pub use values::{BadValues, Kind, Value, Values};

/// The next number of a sequence (SplitMix64).
pub(crate) fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
