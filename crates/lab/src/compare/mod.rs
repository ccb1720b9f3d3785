//! Two observations side by side.
