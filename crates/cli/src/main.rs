//! The program `oomph`.

fn main() {}
