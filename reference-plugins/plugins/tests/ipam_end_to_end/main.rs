//! `host-local` and `static` as a runtime meets them: requests in, answers and files out.

mod call;
mod damaged;
mod full_disk;
mod host_local;
mod interrupted;
mod model;
mod parallel;
mod r#static;
mod upstream;
mod versions;
