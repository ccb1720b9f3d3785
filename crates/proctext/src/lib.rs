//! Text of `/proc` and cgroupfs, and the facts in it.
