//! Holds no code: the benches are in `benches/`. `cargo bench -p cni-benches` runs them.
