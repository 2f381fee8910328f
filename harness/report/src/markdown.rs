//! The report as GitHub-flavoured Markdown, for a pull request, an issue or a job summary.
//!
//! Everything that a plugin printed stands in fenced blocks, which it can't leave.

use crate::account::{Extent, Script, account};
use crate::fold::count;
use crate::gate::Gate;
use crate::model::{Finding, Outcome, Report};
use crate::printable::{one_line, printable};
use crate::problem::{Problem, by_reason, problems};
use crate::terminal::tally;

/// Bytes of problems at length: a comment on GitHub holds 65,536 characters, and the rest needs room as well.
const ROOM: usize = 50_000;

const EXTENT: Extent = Extent {
    lines: 20,
    script: Script::Path,
};

/// Returns the report as Markdown: verdict, table, then each problem folded.
#[must_use]
pub fn render(report: &Report, gate: Gate) -> String {
    let conclusion = gate.judge(report);
    let mut text = format!(
        "## {}: {conclusion}\n\n{}\n\n",
        escape(&report.tool.name),
        tally(report)
    );
    push_table(&mut text, report);
    let problems = problems(report);
    let mut room = ROOM;
    for (told, problem) in problems.iter().enumerate() {
        let block = details(problem);
        if block.len() > room {
            let left = problems.len() - told;
            text.push_str(&format!("\n{left} more problems are in the JSON report.\n"));
            break;
        }
        room -= block.len();
        text.push('\n');
        text.push_str(&block);
    }
    push_left_out(&mut text, report);
    let environment = &report.environment;
    text.push_str(&format!(
        "\n<sub>{} {}, Linux {} {}, {}, seed {}</sub>\n",
        escape(&report.tool.name),
        escape(&report.tool.version),
        escape(&environment.kernel),
        escape(&environment.arch),
        environment.privilege,
        environment.seed
    ));
    text
}

fn push_table(text: &mut String, report: &Report) {
    text.push_str("| subject |");
    for outcome in Outcome::ALL {
        text.push_str(&format!(" {outcome} |"));
    }
    text.push_str(" sha256 |\n|:--|");
    text.push_str(&"--:|".repeat(Outcome::ALL.len()));
    text.push_str(":--|\n");
    for subject in &report.subjects {
        let of_subject = report.results.iter().filter(|r| r.subject == subject.name);
        let counts = count(of_subject);
        text.push_str(&format!("| {} |", code(&subject.name)));
        for outcome in Outcome::ALL {
            match counts.get(&outcome) {
                Some(count) => text.push_str(&format!(" {count} |")),
                None => text.push_str("  |"),
            }
        }
        let digest: String = subject.sha256.chars().take(12).collect();
        text.push_str(&format!(" {} |\n", code(&digest)));
    }
}

fn details(problem: &Problem<'_>) -> String {
    let result = problem.result;
    let mut text = format!(
        "<details>\n<summary><b>{}</b> {} {} ({}, spec {})</summary>\n\n",
        result.outcome,
        code(&result.check),
        escape(&result.title),
        code(&result.subject),
        escape(&problem.versions())
    );
    let links: Vec<String> = result.findings.iter().map(link).collect();
    if !links.is_empty() {
        text.push_str(&format!("{}\n\n", links.join(", ")));
    }
    text.push_str(&fenced(&account(result, EXTENT)));
    text.push_str("\n</details>\n");
    text
}

fn push_left_out(text: &mut String, report: &Report) {
    for outcome in [Outcome::Blocked, Outcome::NotApplicable] {
        let reasons = by_reason(report, outcome);
        if reasons.is_empty() {
            continue;
        }
        let total: usize = reasons.iter().map(|(_, count)| count).sum();
        let lines: String = reasons
            .iter()
            .map(|(reason, count)| format!("{count:4}  {}\n", one_line(reason)))
            .collect();
        text.push_str(&format!(
            "\n<details>\n<summary>{outcome} ({total})</summary>\n\n{}\n</details>\n",
            fenced(&lines)
        ));
    }
}

/// Returns a fenced block. The fence is longer than any run of backticks in the text, so the text can't end it.
fn fenced(text: &str) -> String {
    let text = printable(text);
    let longest = text.split(|c| c != '`').map(str::len).max();
    let fence = "`".repeat(longest.unwrap_or(0).max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", text.trim_end())
}

/// Returns text as code; an element, since a code span has no escapes and can't stand in a summary.
fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

/// Returns a requirement as a link when its address can stand in one.
fn link(finding: &Finding) -> String {
    let id = escape(&finding.requirement);
    let is_plain = |c: char| c.is_ascii_graphic() && !"<>()[]\\|".contains(c);
    if finding.url.starts_with("https://") && finding.url.chars().all(is_plain) {
        format!("[{id}]({})", finding.url)
    } else {
        id
    }
}

/// Returns text on one line that neither Markdown nor HTML takes for more than text.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in one_line(text).chars() {
        match character {
            '&' | '<' | '>' | '|' | '`' | '*' | '[' | ']' | '\\' | '~' | '#' => {
                safe.push_str(&format!("&#{};", u32::from(character)));
            }
            _ => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_summary_has_the_verdict_first_and_problems_folded() {
        insta::assert_snapshot!(render(&fixture::report(), Gate::default()));
    }

    #[test]
    fn output_cannot_end_the_fence_it_stands_in() {
        assert_eq!(fenced("a\n```\nb\n"), "````text\na\n```\nb\n````\n");
        assert_eq!(fenced("`````"), "``````text\n`````\n``````\n");
        assert_eq!(fenced(""), "```text\n\n```\n");
    }

    #[test]
    fn text_cannot_leave_its_cell_or_become_html() {
        assert_eq!(escape("a|b\n<b>`*"), "a&#124;b &#60;b&#62;&#96;&#42;");
        let finding = Finding {
            url: "https://example.org/) [x](javascript:0".to_owned(),
            ..problems(&fixture::report())[0].result.findings[0].clone()
        };
        assert!(!link(&finding).contains("example.org"));
    }

    #[test]
    fn many_problems_stay_below_what_a_comment_holds() {
        let one = fixture::report();
        let failure = one
            .results
            .iter()
            .find(|r| r.check == "error/is-json")
            .unwrap();
        let many = (0..500).map(|n| crate::model::CheckResult {
            check: format!("error/number-{n}"),
            ..failure.clone()
        });
        let text = render(&fixture::with(many.collect()), Gate::default());
        assert!(text.len() < 65_536, "{}", text.len());
        assert!(text.contains("more problems are in the JSON report."));
        assert_eq!(
            text.matches("<details>").count(),
            text.matches("</details>").count()
        );
    }
}
