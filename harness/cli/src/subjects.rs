//! From what was typed to plugins that can be judged: paths, names of built-in plugins, profiles, delegates.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cni_conform_core::{Kind, MutantOf, Profile, Program, Subject};

use crate::exit::Failure;

/// Where the built-in plugins stand inside a sandbox.
const BUILT_IN: &str = "/run/cni-conform/plugins";
/// Where the toys stand inside a sandbox.
const TOYS: &str = "/run/cni-conform/toys";

/// This executable, which also is the built-in plugins, the toys and the trial hosts.
pub(crate) fn own_executable() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| {
        Failure::could_not_judge(format!("find this program's own executable: {error}"))
    })
}

/// Returns the built-in plugins by name.
pub(crate) fn built_in(executable: &Path) -> BTreeMap<String, Program> {
    let program = |name: &&str| Program {
        file: executable.to_owned(),
        at: Path::new(BUILT_IN).join(name),
    };
    cni_plugins::NAMES
        .iter()
        .map(|name| ((*name).to_owned(), program(name)))
        .collect()
}

/// Returns a toy, correct or with a fault.
pub(crate) fn toy(executable: &Path, name: &str, fault: &str) -> Program {
    let name = if fault.is_empty() {
        name.to_owned()
    } else {
        format!("{name}+{fault}")
    };
    Program {
        file: executable.to_owned(),
        at: Path::new(TOYS).join(name),
    }
}

/// Returns the toys and every mutant of them.
pub(crate) fn mutants(executable: &Path) -> Vec<MutantOf> {
    let mut all = Vec::new();
    for toy_of in cni_mutants::TOYS {
        all.push(MutantOf {
            fault: String::new(),
            toy: toy_of.name.to_owned(),
            program: toy(executable, toy_of.name, ""),
        });
        for mutant in cni_mutants::MUTANTS
            .iter()
            .filter(|mutant| mutant.base.includes(toy_of.kind))
        {
            all.push(MutantOf {
                fault: mutant.name.to_owned(),
                toy: toy_of.name.to_owned(),
                program: toy(executable, toy_of.name, mutant.name),
            });
        }
    }
    all
}

/// The plugin that opens and closes a run: a toy that is known to be good.
pub(crate) fn canary(executable: &Path) -> Result<Subject, Failure> {
    let profile = Profile::load("toy-interface").map_err(|error| Failure::usage_error(&error))?;
    Ok(Subject {
        name: "canary".to_owned(),
        program: toy(executable, "toy-interface", ""),
        delegates: vec![toy(executable, "toy-ipam", "")],
        profile,
        sha256: String::new(),
    })
}

/// Returns the subjects of a run.
pub(crate) fn resolve(
    executable: &Path,
    plugins: &[PathBuf],
    profile: Option<&str>,
    config: Option<&Path>,
) -> Result<Vec<Subject>, Failure> {
    let built_in = built_in(executable);
    let given: Vec<PathBuf> = if plugins.is_empty() {
        let named = |name: &str| built_in.contains_key(name);
        Profile::built_in_names()
            .filter(|name| named(name))
            .map(PathBuf::from)
            .collect()
    } else {
        plugins.to_vec()
    };
    if given.len() > 1 && (profile.is_some() || config.is_some()) {
        return Err(Failure::usage(
            "--profile and --config are for one plugin; name exactly one",
        ));
    }
    let mut subjects: Vec<Subject> = Vec::new();
    for path in &given {
        let program = program(path, &built_in)?;
        let profile = profile_of(&program, profile, config)?;
        let delegates = profile
            .delegates
            .iter()
            .map(|name| delegate(name, &program, executable, &built_in))
            .collect::<Result<Vec<_>, _>>()?;
        let sha256 = program
            .sha256()
            .map_err(|error| Failure::usage_error(&error))?;
        let taken = subjects
            .iter()
            .filter(|subject| subject.program.name() == program.name())
            .count();
        let name = if taken == 0 {
            program.name()
        } else {
            format!("{}#{}", program.name(), taken + 1)
        };
        subjects.push(Subject {
            name,
            program,
            delegates,
            profile,
            sha256,
        });
    }
    Ok(subjects)
}

/// A path of the machine, or the bare name of a built-in plugin that no file here has.
fn program(path: &Path, built_in: &BTreeMap<String, Program>) -> Result<Program, Failure> {
    let bare = path.components().count() == 1 && !path.exists();
    if bare && let Some(program) = path.to_str().and_then(|name| built_in.get(name)) {
        return Ok(program.clone());
    }
    Program::on_machine(path).map_err(|error| Failure::usage_error(&error))
}

fn profile_of(
    program: &Program,
    profile: Option<&str>,
    config: Option<&Path>,
) -> Result<Profile, Failure> {
    let usage = |error| Failure::usage_error(&error);
    let name = program.name();
    let known = Profile::built_in_names().any(|known| known == name);
    match (profile, config) {
        (Some(profile), None) => Profile::load(profile).map_err(usage),
        (Some(profile), Some(config)) => Profile::load(profile)
            .and_then(|profile| profile.with_config(config))
            .map_err(usage),
        (None, Some(config)) if known => Profile::load(&name)
            .and_then(|profile| profile.with_config(config))
            .map_err(usage),
        (None, Some(config)) => Profile::from_config(config, Kind::Interface).map_err(usage),
        (None, None) if known => Profile::load(&name).map_err(usage),
        (None, None) => Err(Failure::usage(format!(
            "there is no built-in profile for {name} ({}); say how it is configured with --config FILE, and what it is with --profile NAME|FILE",
            Profile::built_in_names().collect::<Vec<_>>().join(", ")
        ))),
    }
}

/// A delegate stands beside the plugin, or is a built-in one, or a toy.
fn delegate(
    name: &str,
    program: &Program,
    executable: &Path,
    built_in: &BTreeMap<String, Program>,
) -> Result<Program, Failure> {
    if program.file != executable
        && let Some(beside) = program
            .at
            .parent()
            .map(|directory| directory.join(name))
            .filter(|path| path.is_file())
    {
        return Program::on_machine(&beside).map_err(|error| Failure::usage_error(&error));
    }
    if let Some(built_in) = built_in.get(name) {
        return Ok(built_in.clone());
    }
    if cni_mutants::TOYS.iter().any(|toy| toy.name == name) {
        return Ok(toy(executable, name, ""));
    }
    Err(Failure::usage(format!(
        "{} delegates to {name}, which stands neither beside it nor among the built-in plugins ({})",
        program.at.display(),
        cni_plugins::NAMES.join(", ")
    )))
}
