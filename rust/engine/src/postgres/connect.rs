//! Opening a session: hosts in order, TLS, login, settings.

use std::io::{ErrorKind, Read, Write};

use bytes::BytesMut;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;

use super::auth::authenticate;
use super::error::from_server;
use super::literal;
use super::messages::{Header, Incoming};
use crate::cancel::{Cancel, tell};
use crate::error::{Error, Kind, Result};
use crate::net::{Address, Stream};
use crate::plan::{Endpoint, Engine, TlsMode};
use crate::session::Session;

/// Set in every session. Notices are silenced because a server that can't get rid of them stops
/// reading what a COPY sends it, and both sides would wait for ever.
const SETTINGS: [(&str, &str); 12] = [
    ("client_encoding", "UTF8"),
    ("client_min_messages", "error"),
    ("datestyle", "ISO, YMD"),
    ("intervalstyle", "iso_8601"),
    ("timezone", "UTC"),
    ("extra_float_digits", "3"),
    ("bytea_output", "hex"),
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("idle_session_timeout", "0"),
    ("transaction_timeout", "0"),
];

/// One session.
pub struct Connection {
    pub(super) incoming: Incoming<Stream>,
    output: BytesMut,
    cancel: Cancel,
    version: String,
    backend: Option<Backend>,
    /// True once the protocol's state is unknown: nothing may be asked any more.
    broken: bool,
}

/// Opens a session on the first host that answers.
pub fn connect(endpoint: &Endpoint, cancel: &Cancel) -> Result<Connection> {
    let mut failure = Error::new(Kind::Request, "no host is given");
    for address in Address::of(endpoint) {
        match open(endpoint, address, cancel) {
            Ok(session) => return Ok(session),
            // Another host won't know another password; only an unreachable one makes way for the next.
            Err(error) if error.kind().retryable() => failure = error.from_address(address),
            Err(error) => return Err(error.on(Engine::Postgresql)),
        }
        cancel.check()?;
    }
    Err(failure.on(Engine::Postgresql))
}

fn open(endpoint: &Endpoint, address: Address<'_>, cancel: &Cancel) -> Result<Connection> {
    let stream = secure(Stream::connect(endpoint, address, cancel)?, endpoint, address)?;
    let mut session = Connection {
        incoming: Incoming::new(stream),
        output: BytesMut::new(),
        cancel: cancel.clone(),
        version: String::new(),
        backend: None,
        // Until the login is through.
        broken: true,
    };
    session.log_in(endpoint)?;
    session.broken = false;
    if let Some(backend) = session.backend {
        let endpoint = address.only(endpoint);
        cancel.on_cancel(move || {
            let endpoint = endpoint.clone();
            tell(move || interrupt(&endpoint, backend));
        });
    }
    session.apply_settings()?;
    if endpoint.chooses() && session.reads_only()? {
        return Err(Error::takes_no_writes());
    }
    session.incoming.stream.set_timeout(None)?;
    Ok(session)
}

/// A backend's process and the key that proves that it is ours.
type Backend = (i32, i32);

/// Asks the server to stop what a backend does: one that waits for a lock doesn't notice that we have hung up.
fn interrupt(endpoint: &Endpoint, (process, key): Backend) -> Result<()> {
    let mut request = BytesMut::new();
    frontend::cancel_request(process, key, &mut request);
    for address in Address::of(endpoint) {
        Stream::connect(endpoint, address, &Cancel::default())?.write_all(&request)?;
    }
    Ok(())
}

/// Asks for TLS as far as the endpoint wants it.
fn secure(mut stream: Stream, endpoint: &Endpoint, address: Address<'_>) -> Result<Stream> {
    // On a unix socket the server has no TLS; nobody is between.
    let Some(host) = address.host() else { return Ok(stream) };
    if endpoint.tls.mode == TlsMode::Disable {
        return Ok(stream);
    }
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    stream.write_all(&request)?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    match (answer[0], endpoint.tls.mode) {
        (b'S', _) => stream.upgrade(&endpoint.tls, host),
        (b'N', TlsMode::Prefer) => Ok(stream),
        (b'N', _) => Err(Error::new(Kind::Tls, "the server doesn't offer TLS")
            .with_hint("switch ssl on in the server, or connect with sslmode=prefer or disable")),
        _ => Err(Error::protocol("the server's answer to the wish for TLS can't be read")
            .with_hint("check that the port is PostgreSQL's")),
    }
}

impl Connection {
    fn log_in(&mut self, endpoint: &Endpoint) -> Result<()> {
        let parameters = [
            ("user", endpoint.user.as_str()),
            ("database", endpoint.database.as_str()),
            ("application_name", endpoint.label.as_deref().unwrap_or("dbferry")),
            ("client_encoding", "UTF8"),
        ];
        let parameters = parameters.into_iter().filter(|(_, value)| !value.is_empty());
        self.send(|out| frontend::startup_message(parameters, out))?;
        authenticate(self, endpoint)?;
        loop {
            match self.message()? {
                Message::ReadyForQuery(_) => return Ok(()),
                Message::ParameterStatus(status) if status.name()? == "server_version" => {
                    let told = status.value()?;
                    told.split(' ').next().unwrap_or(told).clone_into(&mut self.version);
                }
                Message::BackendKeyData(key) => {
                    self.backend = Some((key.process_id(), key.secret_key()));
                }
                Message::ParameterStatus(_) => {}
                _ => return Err(Error::protocol("the server left the login's protocol")),
            }
        }
    }

    /// Sets what the server knows of `SETTINGS`; older ones lack some.
    fn apply_settings(&mut self) -> Result<()> {
        let rows: Vec<String> = SETTINGS
            .iter()
            .map(|(name, value)| format!("({}, {})", literal(name), literal(value)))
            .collect();
        self.query(&format!(
            "SELECT pg_catalog.set_config(s.name, v.value, false) FROM (VALUES {}) AS v(name, value) \
             JOIN pg_catalog.pg_settings AS s ON pg_catalog.lower(s.name) = v.name",
            rows.join(", ")
        ))?;
        Ok(())
    }

    fn reads_only(&mut self) -> Result<bool> {
        let rows = self.query("SHOW transaction_read_only")?;
        Ok(rows.first().is_some_and(|row| row.first() == Some(&Some("on".to_owned()))))
    }

    /// Ends a session of the same label that was lost here, and that the server may still hold with all its locks.
    pub(super) fn end_lost(&mut self, lost: &Self, endpoint: &Endpoint) -> Result<()> {
        let (Some(label), Some((process, _))) = (&endpoint.label, lost.backend) else {
            return Ok(());
        };
        self.query(&format!(
            "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
             WHERE pid = {process} AND application_name = {}",
            literal(label)
        ))
        .map(drop)
    }

    /// Major version: 15 of `15.8`.
    pub fn major(&self) -> u32 {
        let digits = self.version.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.version.len());
        self.version[..digits].parse().unwrap_or(0)
    }

    pub fn server_version(&self) -> &str {
        &self.version
    }

    pub(super) fn is_private(&self) -> bool {
        self.incoming.stream.is_private()
    }

    pub(super) fn peer_certificate(&self) -> Option<Vec<u8>> {
        self.incoming.stream.peer_certificate()
    }

    /// Refuses once an earlier failure left the session unusable.
    pub(super) fn check(&self) -> Result<()> {
        self.cancel.check()?;
        if self.broken {
            return Err(Error::new(
                Kind::Lost,
                "the session was given up after an earlier failure",
            ));
        }
        Ok(())
    }

    /// Gives the session up: its place in the protocol is no longer known.
    pub(super) fn give_up(&mut self) {
        self.broken = true;
    }

    /// Sends what `build` puts together.
    pub(super) fn send(
        &mut self,
        build: impl FnOnce(&mut BytesMut) -> std::io::Result<()>,
    ) -> Result<()> {
        let mut output = std::mem::take(&mut self.output);
        output.clear();
        let sent = match build(&mut output) {
            // The only thing it can't put into a message is a NUL.
            Err(error) => Err(Error::new(Kind::Request, "the request can't be sent to the server")
                .with_detail(error.to_string())),
            Ok(()) => self.write(&output),
        };
        self.output = output;
        sent
    }

    /// Sends bytes as they are.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let stream = &mut self.incoming.stream;
        match stream.write_all(bytes).and_then(|()| stream.flush()) {
            Ok(()) => Ok(()),
            Err(error) => {
                self.broken = true;
                Err(self.last_word(error))
            }
        }
    }

    /// A server that goes away tells why first; that is worth more than "broken pipe".
    fn last_word(&mut self, error: std::io::Error) -> Error {
        if self.cancel.is_cancelled() {
            return Error::cancelled();
        }
        if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) {
            while let Ok(message) = self.incoming.message() {
                if let Message::ErrorResponse(body) = message {
                    return from_server(body.fields());
                }
            }
        }
        error.into()
    }

    /// The next message that isn't an aside; an error of the server is returned as one.
    pub(super) fn message(&mut self) -> Result<Message> {
        loop {
            match self.incoming.message() {
                Ok(Message::NoticeResponse(_) | Message::NotificationResponse(_)) => {}
                Ok(Message::ErrorResponse(body)) => return Err(from_server(body.fields())),
                Ok(message) => return Ok(message),
                Err(error) => return Err(self.broke(error)),
            }
        }
    }

    /// The header of the next message, read or not.
    pub(super) fn header(&mut self) -> Result<Header> {
        self.incoming.header().map_err(|error| {
            self.broken = true;
            self.cancel.cause(error)
        })
    }

    /// Marks the session as unusable after a failure of transport or protocol.
    pub(super) fn broke(&mut self, error: Error) -> Error {
        self.broken = true;
        self.cancel.cause(error)
    }

    /// Reads on until the server is ready for the next request; what is left of the last one is dropped.
    pub(super) fn settle(&mut self) -> Result<()> {
        loop {
            match self.message() {
                Ok(Message::ReadyForQuery(_)) => return Ok(()),
                Err(error) if self.broken => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !self.broken && !self.cancel.is_cancelled() {
            let mut goodbye = BytesMut::new();
            frontend::terminate(&mut goodbye);
            // A farewell that doesn't arrive is made up for by the closed socket.
            let _ = self.incoming.stream.write_all(&goodbye);
        }
    }
}
