//! Opens live `/proc`, directories and captures.
