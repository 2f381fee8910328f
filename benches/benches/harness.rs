//! What the harness itself costs: a sandbox made and removed, and a full run on `bridge`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cni_conform_core::{Profile, Program, RunRequest, Subject, checks};
use cni_conform_report::Tool;
use cni_spec_fixtures::SpecVersion;
use criterion::Criterion;

fn main() {
    // As in the program itself: this executable is also the plugins and the trial hosts.
    let argv0 = std::env::args_os().next().unwrap_or_default();
    if cni_plugins::run_as(&argv0).is_some() {
        return;
    }
    cni_conform_core::trial_host();
    let mut criterion = Criterion::default().configure_from_args();
    sandbox(&mut criterion);
    run_on_bridge(&mut criterion);
    criterion.final_summary();
}

fn sandbox(criterion: &mut Criterion) {
    let host_program = own_executable();
    criterion.bench_function(
        "sandbox: host, world and one container, made and removed",
        |bencher| {
            bencher.iter(|| {
                cni_conform_core::empty_trial(&host_program)
                    .expect("invariant: this machine can make a sandbox");
            });
        },
    );
}

fn run_on_bridge(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("run");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(60));
    let request = request();
    group.bench_function("bridge: every check, every version", |bencher| {
        bencher.iter(|| {
            let mut results = 0;
            cni_conform_core::run(&request, &mut |_| results += 1)
                .expect("invariant: the sandbox was made just now");
            assert!(results > 0, "a run that judges nothing measures nothing");
        });
    });
    group.finish();
}

fn request() -> RunRequest {
    let host_program = own_executable();
    let program = |name: &str| Program {
        file: host_program.clone(),
        at: Path::new("/run/cni-conform/plugins").join(name),
    };
    RunRequest {
        subjects: vec![Subject {
            name: "bridge".to_owned(),
            program: program("bridge"),
            delegates: vec![program("host-local")],
            profile: Profile::load("bridge").expect("invariant: it is built in"),
            sha256: String::new(),
        }],
        checks: checks::all().collect(),
        versions: SpecVersion::ALL.to_vec(),
        jobs: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        seed: 0,
        deadline: Duration::from_secs(30),
        host_program,
        canary: None,
        references: BTreeMap::new(),
        partition: None,
        tool: Tool {
            name: "bench".to_owned(),
            version: "0".to_owned(),
        },
    }
}

fn own_executable() -> PathBuf {
    std::env::current_exe().expect("invariant: a running program has an executable")
}
