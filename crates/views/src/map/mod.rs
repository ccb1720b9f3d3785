//! The map of a process: a picture of its addresses, on a terminal or as SVG.
//!
//! Regions are boxes as tall as they are large, on a scale that has room for pages and terabytes;
//! regions of one file share a box. Gaps are drawn as gaps. Inside each box a bar of the box's own
//! size says what its addresses hold.

mod block;
mod lines;
mod pages;
mod physical;
mod physical_svg;
mod picture;
mod scale;
mod svg;
mod words;

pub use pages::pages;
pub use physical::physical;
pub use physical_svg::physical_svg;
pub use picture::map;
pub use scale::Scale;
pub use svg::map_svg;
pub(crate) use svg::xml;

/// Which address is at the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The highest, as textbooks draw it.
    #[default]
    Descending,
    /// The lowest, as `maps` lists it.
    Ascending,
}

/// How a map is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawing {
    /// Which address is at the top.
    pub order: Order,
    /// How sizes become heights.
    pub scale: Scale,
    /// How many objects are drawn before the others are folded together; `None` draws them all.
    pub most: Option<usize>,
}

impl Default for Drawing {
    fn default() -> Self {
        Drawing { order: Order::default(), scale: Scale::default(), most: Some(40) }
    }
}
