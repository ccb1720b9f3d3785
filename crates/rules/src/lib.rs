//! What Linux would do when memory runs out, by kernel release.
//!
//! Pure functions over [`facts`] and over plain numbers: no file, no clock, no state. Each rule
//! cites the kernel function it follows and the releases it holds for; a rule lives once, here.
//!
//! Rules about one number take numbers ([`badness`]); questions a person asks take a
//! [`facts::Snapshot`] and answer with a report, plain data that the views print ([`cache()`], [`rank()`],
//! [`status()`]).

pub mod address_space;
pub mod allocators;
pub mod available;
pub mod badness;
pub mod cache;
pub mod eligible;
pub mod explain;
pub mod fragmentation;
pub mod gfp;
pub mod headroom;
pub mod heap;
pub mod killer;
pub mod layout;
pub mod ledger;
pub mod ledger_diff;
pub mod map;
pub mod memcg;
pub mod mempolicy;
pub mod overcommit;
pub mod pages;
pub mod physical;
pub mod psi;
pub mod rank;
pub mod replay;
pub mod report_machine;
pub mod reserve;
pub mod rss;
pub mod segment;
pub mod status;
pub mod timeline;
pub mod usage;
pub mod vmflags;
pub mod wall;
pub mod watermark;

pub use cache::cache;
pub use explain::explain;
pub use map::map;
pub use pages::pages;
pub use physical::physical;
pub use rank::rank;
pub use report_machine::machine_of_report;
pub use status::status;
