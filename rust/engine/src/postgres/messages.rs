//! Messages from the server, read in place.
//!
//! A message is a tag, a length that counts itself, and a body
//! (<https://www.postgresql.org/docs/current/protocol-message-formats.html>). Bytes stay in one buffer: a reader of rows keeps
//! whole batches of them there ([`Incoming::hold`]) and so decodes without having copied a row.
//! The buffer grows with what has come and not with what a length claims.

use std::io::Read;

use bytes::BytesMut;
use postgres_protocol::message::backend::Message;

use crate::error::{Error, Kind, Result};

/// The server's own limit of a message is 1 GiB; what claims more is not a `PostgreSQL` server.
const LONGEST: usize = (1 << 30) + (1 << 16);
/// One read from the socket at most: small enough to stay in the processor's cache.
const STEP: usize = 256 << 10;
const HEADER: usize = 5;

pub const COPY_DATA: u8 = b'd';

/// Tag and body length of the next message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub tag: u8,
    pub length: usize,
}

/// The receiving half of a session.
pub struct Incoming<R> {
    pub stream: R,
    buffer: Vec<u8>,
    /// First byte still wanted.
    held: usize,
    /// First byte not yet parsed.
    at: usize,
    /// End of what has come.
    end: usize,
}

impl<R: Read> Incoming<R> {
    pub fn new(stream: R) -> Self {
        Self { stream, buffer: Vec::new(), held: 0, at: 0, end: 0 }
    }

    /// The next message's header; the message stays unread.
    pub fn header(&mut self) -> Result<Header> {
        self.want(HEADER)?;
        let head = &self.buffer[self.at..self.at + HEADER];
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        match length.checked_sub(4) {
            Some(length) if length <= LONGEST => Ok(Header { tag: head[0], length }),
            _ => Err(Error::protocol(format!("the server announced a message of {length} bytes"))),
        }
    }

    /// True when the message is here as a whole.
    pub fn has(&self, header: Header) -> bool {
        self.end - self.at >= HEADER + header.length
    }

    /// Reads a message's body and steps over it; gives its place relative to `held`.
    pub fn body(&mut self, header: Header) -> Result<std::ops::Range<usize>> {
        self.want(HEADER + header.length)?;
        let start = self.at + HEADER - self.held;
        self.at += HEADER + header.length;
        Ok(start..start + header.length)
    }

    /// What was kept and parsed since the last `release`.
    pub fn hold(&self) -> &[u8] {
        &self.buffer[self.held..self.at]
    }

    /// Gives up all that was parsed.
    pub fn release(&mut self) {
        self.held = self.at;
        if self.at == self.end {
            (self.held, self.at, self.end) = (0, 0, 0);
        }
    }

    /// Gives memory back that only one large row needed.
    pub fn shrink(&mut self, capacity: usize) {
        let live = self.end - self.held;
        if self.buffer.len() > capacity.max(STEP).max(live) * 2 {
            self.compact();
            self.buffer.truncate(capacity.max(STEP).max(live));
            self.buffer.shrink_to_fit();
        }
    }

    /// The next message, parsed; nothing may be held.
    pub fn message(&mut self) -> Result<Message> {
        let header = self.header()?;
        self.want(HEADER + header.length)?;
        let whole = self.at..self.at + HEADER + header.length;
        let mut bytes = BytesMut::from(&self.buffer[whole.clone()]);
        self.at = whole.end;
        self.release();
        match Message::parse(&mut bytes) {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err(Error::protocol("the server sent a message that ends too early")),
            Err(error) => Err(Error::protocol("the server sent a message that can't be read")
                .with_detail(error.to_string())),
        }
    }

    /// Waits until so many unparsed bytes are here.
    fn want(&mut self, count: usize) -> Result<()> {
        while self.end - self.at < count {
            let missing = count - (self.end - self.at);
            self.make_room(missing);
            let free = self.buffer.len().min(self.end + STEP.max(missing));
            match self.stream.read(&mut self.buffer[self.end..free]) {
                Ok(0) => {
                    return Err(Error::new(Kind::Lost, "the server closed the connection"));
                }
                Ok(read) => self.end += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Makes room at the end: by moving what is wanted to the front, else by growing, at most twofold.
    fn make_room(&mut self, missing: usize) {
        const LEAST: usize = STEP / 4;
        if self.buffer.len() - self.end >= LEAST {
            return;
        }
        if self.held >= self.buffer.len() / 2 {
            self.compact();
        }
        if self.buffer.len() - self.end < LEAST {
            // Beyond the message, so that its end doesn't need another growth.
            let wanted = self.end + missing + STEP;
            let size = wanted.min((self.buffer.len() * 2).max(STEP));
            self.buffer.reserve_exact(size.saturating_sub(self.buffer.len()));
            self.buffer.resize(size.max(self.buffer.len()), 0);
        }
    }

    fn compact(&mut self) {
        self.buffer.copy_within(self.held..self.end, 0);
        self.at -= self.held;
        self.end -= self.held;
        self.held = 0;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Gives one byte at a time, the hardest cut.
    struct Trickle<'a>(&'a [u8]);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match (self.0.split_first(), buffer.first_mut()) {
                (Some((first, rest)), Some(place)) => {
                    *place = *first;
                    self.0 = rest;
                    Ok(1)
                }
                _ => Ok(0),
            }
        }
    }

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[tag][..], &length.to_be_bytes(), body].concat()
    }

    #[test]
    fn held_messages_stay_whole_when_bytes_trickle() {
        let bodies: Vec<Vec<u8>> = (0..50u8).map(|n| vec![n; 10_000]).collect();
        let bytes: Vec<u8> = bodies.iter().flat_map(|body| message(COPY_DATA, body)).collect();
        let mut incoming = Incoming::new(Trickle(&bytes));
        for three in bodies.chunks(3) {
            let mut places = Vec::new();
            for _ in three {
                let header = incoming.header().unwrap();
                places.push(incoming.body(header).unwrap());
            }
            for (place, body) in places.into_iter().zip(three) {
                assert_eq!(&incoming.hold()[place], &body[..]);
            }
            incoming.release();
        }
        assert_eq!(incoming.header().unwrap_err().kind(), Kind::Lost);
    }

    #[test]
    fn a_claimed_length_is_not_allocated() {
        let mut bytes = vec![COPY_DATA];
        bytes.extend((1_000_000_000u32).to_be_bytes());
        bytes.extend([0; 100]);
        let mut incoming = Incoming::new(&bytes[..]);
        let header = incoming.header().unwrap();
        assert_eq!(incoming.body(header).unwrap_err().kind(), Kind::Lost);
        assert!(incoming.buffer.len() <= 4 * STEP);
    }

    #[test]
    fn impossible_lengths_are_refused() {
        for length in [0u32, 3, u32::MAX, 2 << 30] {
            let bytes = [&[b'Z'][..], &length.to_be_bytes()].concat();
            let error = Incoming::new(&bytes[..]).header().unwrap_err();
            assert_eq!(error.kind(), Kind::Protocol);
        }
    }
}
