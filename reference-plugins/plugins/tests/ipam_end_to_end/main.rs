//! `host-local` and `static` as a runtime meets them: requests in, answers and files out.

#![expect(clippy::unwrap_used, reason = "what a test does not expect ends it")]

mod call;
mod crowded;
mod damaged;
mod full_disk;
mod host_local;
mod interrupted;
mod model;
mod parallel;
mod r#static;
mod upstream;
mod versions;
