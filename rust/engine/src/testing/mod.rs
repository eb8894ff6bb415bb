//! Ends without a server: for tests of what lies between, and for measuring one side alone.

pub mod faults;
pub mod memory;
pub mod null;

#[cfg(test)]
mod tests;
