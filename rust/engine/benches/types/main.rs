//! Elements per second of every decoder and encoder, one column type at a time, without a server.
//!
//! `cargo bench -p dbferry --bench types -- POSTGRES` runs what matches. The bytes that a decoder gets are
//! those that the encoder of the same type writes, which tests compare with the servers' own.
#![allow(clippy::unwrap_used, clippy::panic)]

mod columns;
mod mysql;
mod postgres;
mod sqlite;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use criterion::{Criterion, Throughput};

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

/// What figures are per second of: values; those in a list are counted one by one.
fn counted(array: &dyn Array) -> Throughput {
    let count = array.as_list_opt::<i32>().map_or(array.len(), |lists| lists.values().len());
    Throughput::Elements(count as u64)
}
