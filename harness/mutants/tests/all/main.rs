//! The toys, correct and mutated, as processes on throwaway hosts.

mod mutants;
mod observer;
mod sandbox;
mod scenarios;
mod toys;
