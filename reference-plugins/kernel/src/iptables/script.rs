//! The input of iptables-restore for one table: done whole or not at all.

use std::fmt::Write;

use super::rule::Rule;

/// Changes to one table, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    table: &'static str,
    lines: String,
}

impl Script {
    /// No changes yet to a table such as `nat`.
    #[must_use]
    pub const fn new(table: &'static str) -> Self {
        Self {
            table,
            lines: String::new(),
        }
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Makes a chain; the script fails if it is there.
    pub fn new_chain(&mut self, chain: &str) -> &mut Self {
        self.line(format_args!("-N {chain}"))
    }

    /// Adds a rule at the end of a chain.
    pub fn append(&mut self, chain: &str, rule: &Rule) -> &mut Self {
        self.line(format_args!("-A {chain} {rule}"))
    }

    /// Adds a rule at the start of a chain.
    pub fn insert(&mut self, chain: &str, rule: &Rule) -> &mut Self {
        self.line(format_args!("-I {chain} 1 {rule}"))
    }

    /// Deletes a rule; the script fails if it is not there.
    pub fn delete(&mut self, chain: &str, rule: &Rule) -> &mut Self {
        self.line(format_args!("-D {chain} {rule}"))
    }

    /// Requires a rule; the script fails if it is not there. Works with iptables 1.8 of both kinds.
    pub fn require(&mut self, chain: &str, rule: &Rule) -> &mut Self {
        self.line(format_args!("-C {chain} {rule}"))
    }

    /// Deletes all rules of a chain and the chain; the script fails if a rule refers to it.
    pub fn remove_chain(&mut self, chain: &str) -> &mut Self {
        self.line(format_args!("-F {chain}"))
            .line(format_args!("-X {chain}"))
    }

    pub(super) fn text(&self) -> String {
        format!("*{}\n{}COMMIT\n", self.table, self.lines)
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) -> &mut Self {
        writeln!(self.lines, "{line}").expect("invariant: writing to a String does not fail");
        self
    }
}
