//! The toys, correct and mutated, as processes on throwaway hosts.

mod interface;
mod mutants;
mod observer;
mod other_toys;
mod sandbox;
mod scenarios;
