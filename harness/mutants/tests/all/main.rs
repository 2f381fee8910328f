//! The toys, correct and mutated, as processes on throwaway hosts.

mod mutants;
mod sandbox;
mod toys;
