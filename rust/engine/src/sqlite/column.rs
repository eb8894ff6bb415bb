//! Columns that are being built: where a decoder's value goes, and what becomes of one that is refused.

use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, PrimitiveBuilder, StringBuilder,
};
use arrow_array::{ArrayRef, ArrowPrimitiveType};

use super::statement::Value;
use crate::convert::parse_uuid;
use crate::error::{Error, Kind, Result};
use crate::loss::{Guard, Verdict, code};

/// Why a value can't be carried; what stands for it when the policy is to clamp.
pub(super) struct Fault<N> {
    pub code: &'static str,
    pub fact: String,
    pub nearest: Option<N>,
}

pub(super) type Taken<N> = Result<N, Refusal<N>>;

/// A value refused, or the database's own failure.
pub(super) enum Refusal<N> {
    Fault(Fault<N>),
    Failed(Error),
}

impl<N> From<Error> for Refusal<N> {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

pub(super) fn refuse<N, T>(code: &'static str, fact: impl Into<String>) -> Result<T, Refusal<N>> {
    Err(Refusal::Fault(Fault { code, fact: fact.into(), nearest: None }))
}

pub(super) fn mixed<N, T>(value: Value<'_>, wanted: &str) -> Result<T, Refusal<N>> {
    refuse(code::MIXED, format!("is of the class {} and no {wanted}", value.class()))
}

/// One column that is being built.
pub(super) trait Column {
    /// Takes a value; `row` counts from 0 within the range.
    fn push(&mut self, value: Value<'_>, row: usize, guard: &mut Guard<'_>) -> Result<()>;
    fn finish(&mut self) -> ArrayRef;
}

/// Builds any Arrow array: what is appended to, and how it ends.
pub(super) trait Build: 'static {
    type Value;
    fn append(&mut self, value: Option<Self::Value>);
    fn done(&mut self) -> ArrayRef;
}

impl<T: ArrowPrimitiveType> Build for PrimitiveBuilder<T> {
    type Value = T::Native;
    fn append(&mut self, value: Option<T::Native>) {
        self.append_option(value);
    }
    fn done(&mut self) -> ArrayRef {
        Arc::new(self.finish())
    }
}

impl Build for BooleanBuilder {
    type Value = bool;
    fn append(&mut self, value: Option<bool>) {
        self.append_option(value);
    }
    fn done(&mut self) -> ArrayRef {
        Arc::new(self.finish())
    }
}

/// A builder, and the rules by which a value or a replacement becomes one of its own.
struct Fixed<B: Build, F, P> {
    built: B,
    take: F,
    parse: P,
}

impl<B, F, P> Column for Fixed<B, F, P>
where
    B: Build,
    F: Fn(Value<'_>) -> Taken<B::Value>,
    P: Fn(&str) -> Option<B::Value>,
{
    fn push(&mut self, value: Value<'_>, row: usize, guard: &mut Guard<'_>) -> Result<()> {
        if matches!(value, Value::Null) {
            self.built.append(None);
            return Ok(());
        }
        let value = match (self.take)(value) {
            Ok(value) => Some(value),
            Err(Refusal::Failed(error)) => return Err(error),
            Err(Refusal::Fault(fault)) => match guard.judge(fault.code, row, &fault.fact)? {
                Verdict::Null => None,
                Verdict::Clamp => Some(fault.nearest.ok_or_else(|| unfit(guard, fault.code))?),
                Verdict::Replace(text) => {
                    Some((self.parse)(text).ok_or_else(|| unfit(guard, fault.code))?)
                }
            },
        };
        self.built.append(value);
        Ok(())
    }

    fn finish(&mut self) -> ArrayRef {
        self.built.done()
    }
}

fn unfit(guard: &Guard<'_>, code: &str) -> Error {
    Error::new(
        Kind::Request,
        format!("the policy for `{code}` gives no value that fits the column"),
    )
    .with_code(code)
    .with_hint(format!(
        "use `{code}=null` or `{code}=replace:VALUE` with a value of the column's type"
    ))
    .in_column(&guard.column().name)
}

/// Bytes of variable length: text in any of its forms, or blobs.
struct Bytes<B, F> {
    built: B,
    /// Gives the bytes, or writes them to the scratch and gives those.
    take: F,
    scratch: Vec<u8>,
}

pub(super) trait BuildBytes: 'static {
    fn append(&mut self, bytes: &[u8]) -> Result<(), (&'static str, &'static str)>;
    fn append_null(&mut self);
    fn done(&mut self) -> ArrayRef;
    /// What stands for bytes that were refused: for text, they themselves with each broken part replaced.
    fn mended(bytes: &[u8], with: &str) -> Vec<u8>;
}

impl BuildBytes for StringBuilder {
    fn append(&mut self, bytes: &[u8]) -> Result<(), (&'static str, &'static str)> {
        if bytes.is_ascii() {
            // SAFETY: ASCII is UTF-8. Of most values, short ones, it is told sooner.
            self.append_value(unsafe { std::str::from_utf8_unchecked(bytes) });
            return Ok(());
        }
        let text = simdutf8::basic::from_utf8(bytes)
            .map_err(|_| (code::UTF8, "is a text that isn't valid UTF-8"))?;
        self.append_value(text);
        Ok(())
    }
    fn append_null(&mut self) {
        self.append_null();
    }
    fn done(&mut self) -> ArrayRef {
        Arc::new(self.finish())
    }
    fn mended(bytes: &[u8], with: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            out.extend_from_slice(chunk.valid().as_bytes());
            if !chunk.invalid().is_empty() {
                out.extend_from_slice(with.as_bytes());
            }
        }
        out
    }
}

impl BuildBytes for BinaryBuilder {
    fn append(&mut self, bytes: &[u8]) -> Result<(), (&'static str, &'static str)> {
        self.append_value(bytes);
        Ok(())
    }
    fn append_null(&mut self) {
        self.append_null();
    }
    fn done(&mut self) -> ArrayRef {
        Arc::new(self.finish())
    }
    fn mended(_bytes: &[u8], with: &str) -> Vec<u8> {
        with.as_bytes().to_vec()
    }
}

impl BuildBytes for FixedSizeBinaryBuilder {
    fn append(&mut self, bytes: &[u8]) -> Result<(), (&'static str, &'static str)> {
        self.append_value(bytes).map_err(|_| (code::MIXED, "is no UUID"))
    }
    fn append_null(&mut self) {
        self.append_null();
    }
    fn done(&mut self) -> ArrayRef {
        Arc::new(self.finish())
    }
    fn mended(_bytes: &[u8], with: &str) -> Vec<u8> {
        parse_uuid(with.as_bytes()).map(|uuid| uuid.to_vec()).unwrap_or_default()
    }
}

impl<B, F> Column for Bytes<B, F>
where
    B: BuildBytes,
    F: for<'v> Fn(Value<'v>, &'v mut Vec<u8>) -> TakenBytes<'v>,
{
    fn push(&mut self, value: Value<'_>, row: usize, guard: &mut Guard<'_>) -> Result<()> {
        if matches!(value, Value::Null) {
            self.built.append_null();
            return Ok(());
        }
        self.scratch.clear();
        let (code, fact, bytes) = match (self.take)(value, &mut self.scratch) {
            Ok(bytes) => match self.built.append(bytes) {
                Ok(()) => return Ok(()),
                Err((code, fact)) => (code, fact.to_owned(), bytes),
            },
            Err(Refusal::Failed(error)) => return Err(error),
            Err(Refusal::Fault(fault)) => (fault.code, fault.fact, &[][..]),
        };
        match guard.judge(code, row, &fact)? {
            Verdict::Null => self.built.append_null(),
            Verdict::Clamp => return Err(unfit(guard, code)),
            Verdict::Replace(with) => {
                // Only a broken text is mended in place; anything else is replaced whole.
                let kept = if code == code::UTF8 {
                    B::mended(bytes, with)
                } else {
                    B::mended(b"\xff", with)
                };
                self.built.append(&kept).map_err(|_| unfit(guard, code))?;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> ArrayRef {
        self.built.done()
    }
}

pub(super) type TakenBytes<'v> = Result<&'v [u8], Refusal<()>>;

pub(super) fn fixed<B: Build>(
    built: B,
    take: impl Fn(Value<'_>) -> Taken<B::Value> + 'static,
    parse: impl Fn(&str) -> Option<B::Value> + 'static,
) -> Box<dyn Column> {
    Box::new(Fixed { built, take, parse })
}

pub(super) fn bytes<B: BuildBytes>(
    built: B,
    take: impl for<'v> Fn(Value<'v>, &'v mut Vec<u8>) -> TakenBytes<'v> + 'static,
) -> Box<dyn Column> {
    Box::new(Bytes { built, take, scratch: Vec::new() })
}
