//! Elements per second of every decoder and encoder, one column type at a time, without a server.
//!
//! `cargo bench -p dbferry --bench types -- POSTGRES` runs what matches. The bytes that a decoder gets are
//! those that the encoder of the same type writes, which tests compare with the servers' own.
#![allow(clippy::unwrap_used, clippy::panic)]

mod columns;
mod mysql;
mod postgres;
mod sqlite;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(std::time::Duration::from_millis(200))
        .measurement_time(std::time::Duration::from_millis(800))
        .without_plots()
        .configure_from_args();
    postgres::run(&mut criterion);
    mysql::run(&mut criterion);
    sqlite::run(&mut criterion);
    criterion.final_summary();
}

/// A group whose figures are elements per second.
fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(columns::ROWS as u64));
    group
}
