//! What Linux would do when memory runs out, by kernel release.
//!
//! Pure functions over [`facts`] and over plain numbers: no file, no clock, no state. Each rule
//! cites the kernel function it follows and the releases it holds for; a rule lives once, here.
//!
//! Rules about one number take numbers ([`badness`]); questions a person asks take a
//! [`facts::Snapshot`] and answer with a report, plain data that the views print ([`rank()`],
//! [`status()`]).

pub mod available;
pub mod badness;
pub mod eligible;
pub mod gfp;
pub mod headroom;
pub mod overcommit;
pub mod rank;
pub mod reserve;
pub mod status;
pub mod wall;
pub mod watermark;

pub use rank::rank;
pub use status::status;
