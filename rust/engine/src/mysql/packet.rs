//! Packets: the 4-byte header, the split at 16 MiB, and the integers and strings inside.
//!
//! A packet is sent in frames of at most 2²⁴−1 bytes; a full frame is always followed by another. Each frame
//! has a sequence number that both sides count on. Lengths that a server claims are never allocated
//! before the bytes arrive.

use std::io::{Read, Write};

use crate::error::{Error, Result};

/// Bytes of a full frame, which is followed by another.
pub const FULL_FRAME: usize = 0xff_ff_ff;

/// Bytes asked from the stream at once: large enough that the call costs little, small enough for
/// the processor's cache.
const READ_SIZE: usize = 128 << 10;

/// Packets over a stream.
pub struct Packets<S> {
    stream: S,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    sequence: u8,
}

/// The stream broke, or the server closed it.
fn lost(error: std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        return Error::new(crate::error::Kind::Lost, "the server closed the connection");
    }
    Error::from(error)
}

impl<S: Read + Write> Packets<S> {
    pub fn new(stream: S) -> Self {
        Self { stream, buffer: vec![0; READ_SIZE], start: 0, end: 0, sequence: 0 }
    }

    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Begins a new command: both sides count from 0 again.
    pub fn begin(&mut self) {
        self.sequence = 0;
    }

    /// Puts another stream in place, for the change to TLS; fails when bytes were already read past the packet.
    pub fn replace<T>(self, with: impl FnOnce(S) -> Result<T>) -> Result<Packets<T>> {
        if self.start != self.end {
            return Err(Error::protocol("the server sent data before TLS was agreed"));
        }
        let stream = with(self.stream)?;
        Ok(Packets { stream, buffer: self.buffer, start: 0, end: 0, sequence: self.sequence })
    }

    /// Makes at least `wanted` bytes (at most the buffer's size) lie in the buffer.
    fn fill(&mut self, wanted: usize) -> Result<()> {
        if self.end - self.start >= wanted {
            return Ok(());
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < wanted {
            let count = self.stream.read(&mut self.buffer[self.end..]).map_err(lost)?;
            if count == 0 {
                return Err(lost(std::io::ErrorKind::UnexpectedEof.into()));
            }
            self.end += count;
        }
        Ok(())
    }

    /// Length of the next frame and its first byte, which stay unread.
    pub fn peek(&mut self) -> Result<(usize, Option<u8>)> {
        self.fill(4)?;
        let head = &self.buffer[self.start..];
        let length = frame_length([head[0], head[1], head[2]]);
        if length == 0 {
            return Ok((0, None));
        }
        self.fill(5)?;
        Ok((length, Some(self.buffer[self.start + 4])))
    }

    /// Appends the next packet's payload and tells its length.
    pub fn append(&mut self, into: &mut Vec<u8>) -> Result<usize> {
        let before = into.len();
        loop {
            self.fill(4)?;
            let head = &self.buffer[self.start..];
            let length = frame_length([head[0], head[1], head[2]]);
            if head[3] != self.sequence {
                return Err(Error::protocol("the server's packets are out of order"));
            }
            self.sequence = self.sequence.wrapping_add(1);
            self.start += 4;
            self.take(length, into)?;
            if length != FULL_FRAME {
                return Ok(into.len() - before);
            }
        }
    }

    fn take(&mut self, mut length: usize, into: &mut Vec<u8>) -> Result<()> {
        while length > 0 {
            if self.start == self.end {
                self.fill(1)?;
            }
            let here = length.min(self.end - self.start);
            into.extend_from_slice(&self.buffer[self.start..self.start + here]);
            self.start += here;
            length -= here;
        }
        Ok(())
    }

    pub fn read(&mut self) -> Result<Vec<u8>> {
        let mut payload = Vec::new();
        self.append(&mut payload)?;
        Ok(payload)
    }

    /// Sends one packet, split where it must be.
    pub fn write(&mut self, payload: &[u8]) -> Result<()> {
        let mut rest = payload;
        loop {
            let (frame, after) = rest.split_at(rest.len().min(FULL_FRAME));
            let length = u32::try_from(frame.len()).unwrap_or(0).to_le_bytes();
            let head = [length[0], length[1], length[2], self.sequence];
            self.sequence = self.sequence.wrapping_add(1);
            if frame.len() < READ_SIZE {
                // One call for a small frame: head and body in one segment.
                let mut whole = Vec::with_capacity(4 + frame.len());
                whole.extend_from_slice(&head);
                whole.extend_from_slice(frame);
                self.stream.write_all(&whole).map_err(lost)?;
            } else {
                self.stream.write_all(&head).map_err(lost)?;
                self.stream.write_all(frame).map_err(lost)?;
            }
            rest = after;
            if frame.len() < FULL_FRAME {
                self.stream.flush().map_err(lost)?;
                return Ok(());
            }
        }
    }
}

fn frame_length([low, middle, high]: [u8; 3]) -> usize {
    usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16
}

/// Reads the parts of a packet, front to back.
#[derive(Debug, Clone, Copy)]
pub struct Parse<'a> {
    whole: &'a [u8],
    at: usize,
}

fn short() -> Error {
    Error::protocol("a packet of the server is shorter than its content")
}

impl<'a> Parse<'a> {
    pub fn new(packet: &'a [u8]) -> Self {
        Self { whole: packet, at: 0 }
    }

    /// Where the next byte lies in the packet.
    pub fn at(&self) -> usize {
        self.at
    }

    pub fn is_empty(&self) -> bool {
        self.at >= self.whole.len()
    }

    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(count).ok_or_else(short)?;
        let bytes = self.whole.get(self.at..end).ok_or_else(short)?;
        self.at = end;
        Ok(bytes)
    }

    pub fn rest(&mut self) -> &'a [u8] {
        let rest = self.whole.get(self.at..).unwrap_or_default();
        self.at = self.whole.len();
        rest
    }

    pub fn byte(&mut self) -> Result<u8> {
        Ok(self.bytes(1)?[0])
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.bytes(N)?.try_into().map_err(|_| short())
    }

    pub fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Up to and without a zero byte; the rest when there is none.
    pub fn until_nul(&mut self) -> &'a [u8] {
        let rest = self.rest();
        match memchr::memchr(0, rest) {
            Some(end) => {
                self.at -= rest.len() - end - 1;
                &rest[..end]
            }
            None => rest,
        }
    }

    /// A length-encoded integer; `None` for 0xFB, the NULL of a text row.
    pub fn lenenc_or_null(&mut self) -> Result<Option<u64>> {
        let value = match self.byte()? {
            0xfb => return Ok(None),
            0xfc => u64::from(self.u16()?),
            0xfd => {
                let [low, middle, high] = self.array()?;
                u64::from(u32::from_le_bytes([low, middle, high, 0]))
            }
            0xfe => u64::from_le_bytes(self.array()?),
            0xff => return Err(Error::protocol("a length in a packet of the server is malformed")),
            small => u64::from(small),
        };
        Ok(Some(value))
    }

    pub fn lenenc(&mut self) -> Result<u64> {
        self.lenenc_or_null()?
            .ok_or_else(|| Error::protocol("a length in a packet of the server is malformed"))
    }

    pub fn lenenc_bytes(&mut self) -> Result<&'a [u8]> {
        let length = usize::try_from(self.lenenc()?).map_err(|_| short())?;
        self.bytes(length)
    }

    /// A field of a text row; `None` is NULL.
    pub fn text_field(&mut self) -> Result<Option<&'a [u8]>> {
        match self.lenenc_or_null()? {
            None => Ok(None),
            Some(length) => self.bytes(usize::try_from(length).map_err(|_| short())?).map(Some),
        }
    }
}

/// Appends a length-encoded integer.
pub fn put_lenenc(value: u64, out: &mut Vec<u8>) {
    let bytes = value.to_le_bytes();
    match value {
        0..=250 => out.push(bytes[0]),
        251..=0xffff => {
            out.push(0xfc);
            out.extend_from_slice(&bytes[..2]);
        }
        0x1_0000..=0xff_ffff => {
            out.push(0xfd);
            out.extend_from_slice(&bytes[..3]);
        }
        _ => {
            out.push(0xfe);
            out.extend_from_slice(&bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Cursor;

    use super::*;
    use crate::error::Kind;

    struct Pipe {
        input: Cursor<Vec<u8>>,
        output: Vec<u8>,
    }

    impl Read for Pipe {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let size = into.len().min(7000);
            self.input.read(&mut into[..size])
        }
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.output.write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn pipe(input: Vec<u8>) -> Packets<Pipe> {
        Packets::new(Pipe { input: Cursor::new(input), output: Vec::new() })
    }

    #[test]
    fn packets_of_every_border_come_back_as_they_were_sent() {
        for size in
            [0, 1, 250, READ_SIZE, FULL_FRAME - 1, FULL_FRAME, FULL_FRAME + 1, 2 * FULL_FRAME]
        {
            let payload: Vec<u8> = (0..=250).cycle().take(size).collect();
            let mut out = pipe(Vec::new());
            out.write(&payload).unwrap();
            let mut back = pipe(out.stream.output);
            assert_eq!(back.read().unwrap(), payload, "{size}");
        }
    }

    #[test]
    fn a_claimed_length_is_not_allocated() {
        let mut short = pipe(vec![0xff, 0xff, 0xff, 0, 1, 2, 3]);
        let mut into = Vec::new();
        assert_eq!(short.append(&mut into).unwrap_err().kind(), Kind::Lost);
        assert!(into.capacity() < 1 << 20);
    }

    #[test]
    fn a_wrong_sequence_number_is_refused() {
        assert_eq!(pipe(vec![1, 0, 0, 3, 9]).read().unwrap_err().kind(), Kind::Protocol);
    }

    #[test]
    fn length_encoded_integers_there_and_back() {
        for value in [0, 250, 251, 255, 0xffff, 0x1_0000, 0xff_ffff, 0x100_0000, u64::MAX] {
            let mut out = Vec::new();
            put_lenenc(value, &mut out);
            assert_eq!(Parse::new(&out).lenenc().unwrap(), value);
        }
    }

    #[test]
    fn malformed_lengths_are_protocol_errors() {
        for bytes in
            [&[0xff][..], &[0xfe, 1], &[5, 1], &[0xfe, 255, 255, 255, 255, 255, 255, 255, 255]]
        {
            assert_eq!(Parse::new(bytes).lenenc_bytes().unwrap_err().kind(), Kind::Protocol);
        }
        assert!(Parse::new(&[0xfb]).text_field().unwrap().is_none());
    }

    #[test]
    fn a_string_ends_at_the_zero_byte_or_at_the_end() {
        let mut parse = Parse::new(b"ab\0cd");
        assert_eq!(parse.until_nul(), b"ab");
        assert_eq!(parse.until_nul(), b"cd");
        assert!(parse.is_empty());
    }
}
