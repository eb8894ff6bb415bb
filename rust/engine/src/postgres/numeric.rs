//! `numeric` in binary form, to and from decimals and decimal text.
//!
//! Four 16-bit words: number of groups, weight, sign, digits shown after the point; then groups of four
//! decimal digits (base 10 000), the first worth 10 000^weight (`numeric_send` in the server's `numeric.c`).
//! What is read here is exact or an error; nothing is rounded.

mod read;
mod write;

pub use self::read::{Misfit, Number, Whole, quick, quick_text};
pub use self::write::{Unfit, write_text, write_whole, write_wide};

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const NEGATIVE_INFINITY: u16 = 0xF000;
const POWERS: [u32; 5] = [1, 10, 100, 1_000, 10_000];

#[cfg(test)]
mod tests;
