//! A session: handshake, TLS, login, settings.
//!
//! A unix socket is private as it is, so TLS is never asked on one.

use std::sync::atomic::{AtomicU32, Ordering};

use mysql_common::constants::CapabilityFlags as Capabilities;

use crate::cancel::{Cancel, tell};
use crate::error::{Error, Kind, Result};
use crate::net::{Address, Stream};
use crate::plan::{Endpoint, Tls, TlsMode};
use crate::session::{Described, Session, TextRow};

use super::Flavour;
use super::auth::{Login, Transport};
use super::command::{fault, quit};
use super::describe;
use super::error::Words;
use super::packet::{Packets, Parse, put_lenenc};

/// `utf8mb4_general_ci`, which every server since 5.5 knows.
const CHARACTER_SET: u8 = 45;
/// The largest packet there is, 1 GiB.
const MAX_PACKET: u32 = 1 << 30;
/// A year, the longest that the servers take: a slow other end is no reason to hang up.
const PATIENCE: u32 = 31_536_000;

/// Sessions of one label that can be told apart; more are not found by it.
const LABELS: u32 = 64;

/// What a session is for, which its settings depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Catalogs, probes and DDL.
    Plain,
    Reader,
    Writer,
}

/// One logged-in session.
pub struct Connection {
    // Taken only while TLS is set up and when the session is dropped.
    packets: Packets<Stream>,
    version: String,
    flavour: Flavour,
    capabilities: Capabilities,
    /// The session's number in the server.
    id: u32,
    /// The named lock that it bears.
    lock: Option<String>,
}

/// What the server said first.
#[derive(Debug)]
struct Greeting {
    version: String,
    /// The session's number in the server.
    session: u32,
    capabilities: Capabilities,
    challenge: Vec<u8>,
    plugin: Vec<u8>,
}

/// Opens a session for plain SQL.
pub fn connect(endpoint: &Endpoint, cancel: &Cancel) -> Result<Connection> {
    Connection::open(endpoint, Role::Plain, cancel)
}

/// Ends a session of ours from another: one that waits for a lock doesn't notice that we have hung up.
fn end(endpoint: &Endpoint, session: u32) -> Result<()> {
    // Its own cancel is never raised, so this ends no further session.
    let mut other = Connection::open(endpoint, Role::Plain, &Cancel::default())?;
    other.run(&format!("KILL {session}")).map(drop)
}

impl Connection {
    /// Opens a session at the first host that answers.
    pub(super) fn open(endpoint: &Endpoint, role: Role, cancel: &Cancel) -> Result<Self> {
        let mut failure = Error::new(Kind::Request, "the connection names no host");
        for address in Address::of(endpoint) {
            match Self::open_at(endpoint, address, role, cancel) {
                Ok(connection) => return Ok(connection),
                Err(error) if error.kind().retryable() => failure = error.from_address(address),
                Err(error) => return Err(error.on(endpoint.engine)),
            }
        }
        Err(failure.on(endpoint.engine))
    }

    fn open_at(
        endpoint: &Endpoint,
        address: Address<'_>,
        role: Role,
        cancel: &Cancel,
    ) -> Result<Self> {
        let mut packets = Packets::new(Stream::connect(endpoint, address, cancel)?);
        let greeting = Greeting::parse(&packets.read()?)?;
        let mut wanted = capabilities(endpoint, role) & greeting.capabilities;
        let mut transport =
            if packets.stream().is_private() { Transport::Socket } else { Transport::Plain };
        if let Some(host) = tls_host(&endpoint.tls, address, greeting.capabilities)? {
            wanted |= Capabilities::CLIENT_SSL;
            packets.write(&opening(wanted))?;
            packets = packets.replace(|stream| stream.upgrade(&endpoint.tls, host))?;
            transport = Transport::Tls;
        }
        let version = greeting.version.clone();
        let flavour = Flavour::of(&version);
        let mut connection = Self {
            packets,
            flavour,
            version,
            capabilities: wanted,
            id: greeting.session,
            lock: None,
        };
        connection.login(endpoint, &greeting, transport)?;
        connection.settle(role)?;
        if endpoint.chooses() && connection.reads_only()? {
            return Err(Error::takes_no_writes());
        }
        if let Some(label) = &endpoint.label {
            connection.bear(label)?;
        }
        connection.packets.stream().set_timeout(None)?;
        let (endpoint, session) = (address.only(endpoint), greeting.session);
        cancel.on_cancel(move || {
            let endpoint = endpoint.clone();
            tell(move || end(&endpoint, session));
        });
        Ok(connection)
    }

    fn login(
        &mut self,
        endpoint: &Endpoint,
        greeting: &Greeting,
        transport: Transport,
    ) -> Result<()> {
        let password = endpoint.password.as_ref().map_or("", |secret| secret.reveal()).as_bytes();
        // A default plugin that isn't ours may still not be the user's: the server then asks to switch.
        let begin = |plugin: &[u8]| Login::begin(password, transport, plugin, &greeting.challenge);
        let (mut login, answer) =
            begin(&greeting.plugin).or_else(|_| begin(b"mysql_native_password"))?;
        self.packets.write(&response(self.capabilities, endpoint, &login, &answer)?)?;
        loop {
            let packet = self.packets.read()?;
            match packet.split_first() {
                Some((0x00, _)) => return Ok(()),
                Some((0xff, _)) => return Err(fault(&packet)?.error(Words::Repeat)),
                Some((0x01, challenge)) => {
                    if let Some(answer) = login.answer(challenge)? {
                        self.packets.write(&answer)?;
                    }
                }
                Some((0xfe, switch)) if !switch.is_empty() => {
                    let mut parse = Parse::new(switch);
                    let plugin = parse.until_nul();
                    let (switched, answer) =
                        Login::begin(password, transport, plugin, parse.rest())?;
                    login = switched;
                    self.packets.write(&answer)?;
                }
                Some((0xfe, _)) => {
                    return Err(Error::new(
                        Kind::Unsupported,
                        "the server asks for the authentication of MySQL before 4.1",
                    ));
                }
                Some(_) | None => {
                    return Err(Error::protocol("the server broke the protocol of the login"));
                }
            }
        }
    }

    /// Settings that results depend on, among those that every user may set.
    fn settle(&mut self, role: Role) -> Result<()> {
        let (mode, keys) = match role {
            Role::Plain => ("STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO", 1),
            Role::Reader => ("", 1),
            Role::Writer => ("STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO", 0),
        };
        let limits = match self.flavour {
            Flavour::MySql => "max_execution_time = 0",
            Flavour::MariaDb => {
                "max_statement_time = 0, idle_transaction_timeout = 0, \
                 idle_readonly_transaction_timeout = 0, idle_write_transaction_timeout = 0"
            }
        };
        self.run("SET NAMES utf8mb4")?;
        self.run(&format!(
            "SET SESSION time_zone = '+00:00', sql_mode = '{mode}', foreign_key_checks = {keys}, \
             unique_checks = 1, autocommit = 1, sql_notes = 1, \
             sql_select_limit = 18446744073709551615, net_write_timeout = {PATIENCE}, \
             net_read_timeout = {PATIENCE}, wait_timeout = {PATIENCE}, {limits}"
        ))?;
        Ok(())
    }

    /// Takes a lock of the label's name and a number: who holds it is found by that, with no right but one's own.
    fn bear(&mut self, label: &str) -> Result<()> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        for _ in 0..LABELS {
            let number = NEXT.fetch_add(1, Ordering::Relaxed) % LABELS;
            let taken = self.rows(&format!("SELECT GET_LOCK('{label}.{number}', 0)"))?;
            if taken.first().is_some_and(|row| row.first() == Some(&Some("1".to_owned()))) {
                self.lock = Some(format!("{label}.{number}"));
                return Ok(());
            }
        }
        Ok(())
    }

    /// Ends a session that was lost here, and that the server may still hold with all its locks.
    pub(super) fn end_lost(&mut self, lost: &Self) -> Result<()> {
        let Some(lock) = &lost.lock else { return Ok(()) };
        // Numbers of sessions begin again when a server does.
        let holder = self.rows(&format!("SELECT IS_USED_LOCK('{lock}')"))?;
        let holds = holder.first().and_then(|row| row.first()) == Some(&Some(lost.id.to_string()));
        if !holds {
            return Ok(());
        }
        match self.run(&format!("KILL {}", lost.id)) {
            Err(error) if error.kind().retryable() => Err(error),
            // It may have ended by itself meanwhile.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn reads_only(&mut self) -> Result<bool> {
        let rows = self.rows("SELECT @@global.read_only")?;
        let told = rows.first().and_then(|row| row.first()?.as_deref());
        Ok(!matches!(told, Some("0" | "OFF")))
    }

    /// By which the server lists it.
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    pub(super) fn packets(&mut self) -> &mut Packets<Stream> {
        &mut self.packets
    }

    pub(super) fn deprecates_eof(&self) -> bool {
        self.capabilities.contains(Capabilities::CLIENT_DEPRECATE_EOF)
    }

    /// True when LOAD DATA LOCAL was agreed in the handshake.
    pub(super) fn offers_files(&self) -> bool {
        self.capabilities.contains(Capabilities::CLIENT_LOCAL_FILES)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        quit(&mut self.packets);
    }
}

impl Session for Connection {
    fn query(&mut self, sql: &str) -> Result<Vec<TextRow>> {
        let engine = self.flavour.engine();
        self.rows(sql).map_err(|error| error.on(engine))
    }

    fn describe(&mut self, sql: &str) -> Result<Vec<Described>> {
        let engine = self.flavour.engine();
        describe::describe(self, sql).map_err(|error| error.on(engine))
    }

    fn version(&self) -> &str {
        &self.version
    }
}

fn capabilities(endpoint: &Endpoint, role: Role) -> Capabilities {
    let mut wanted = Capabilities::CLIENT_LONG_PASSWORD
        | Capabilities::CLIENT_LONG_FLAG
        | Capabilities::CLIENT_PROTOCOL_41
        | Capabilities::CLIENT_TRANSACTIONS
        | Capabilities::CLIENT_SECURE_CONNECTION
        | Capabilities::CLIENT_MULTI_RESULTS
        | Capabilities::CLIENT_PS_MULTI_RESULTS
        | Capabilities::CLIENT_PLUGIN_AUTH
        | Capabilities::CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA
        | Capabilities::CLIENT_CONNECT_ATTRS
        | Capabilities::CLIENT_DEPRECATE_EOF;
    if !endpoint.database.is_empty() {
        wanted |= Capabilities::CLIENT_CONNECT_WITH_DB;
    }
    match role {
        Role::Plain => wanted | Capabilities::CLIENT_MULTI_STATEMENTS,
        Role::Reader => wanted,
        Role::Writer => wanted | Capabilities::CLIENT_LOCAL_FILES,
    }
}

/// The name for TLS, or nothing when the session stays plain.
fn tls_host<'a>(tls: &Tls, address: Address<'a>, server: Capabilities) -> Result<Option<&'a str>> {
    let offered = server.contains(Capabilities::CLIENT_SSL);
    match (tls.mode, address.host()) {
        (_, None) | (TlsMode::Disable, Some(_)) => Ok(None),
        (TlsMode::Prefer, Some(_)) if !offered => Ok(None),
        (_, Some(host)) if offered => Ok(Some(host)),
        (_, Some(_)) => {
            Err(Error::new(Kind::Tls, format!("the server at `{address}` offers no TLS"))
                .with_hint("set up a certificate on the server, or don't require TLS"))
        }
    }
}

/// What both the request for TLS and the login begin with.
fn opening(capabilities: Capabilities) -> Vec<u8> {
    let mut packet = capabilities.bits().to_le_bytes().to_vec();
    packet.extend_from_slice(&MAX_PACKET.to_le_bytes());
    packet.push(CHARACTER_SET);
    packet.extend_from_slice(&[0; 23]);
    packet
}

fn response(
    capabilities: Capabilities,
    endpoint: &Endpoint,
    login: &Login<'_>,
    answer: &[u8],
) -> Result<Vec<u8>> {
    let mut packet = opening(capabilities);
    put_text(&endpoint.user, &mut packet)?;
    if capabilities.contains(Capabilities::CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA) {
        put_lenenc(answer.len() as u64, &mut packet);
    } else {
        let length = u8::try_from(answer.len());
        packet.push(
            length
                .map_err(|_| Error::new(Kind::Auth, "the password is too long for this server"))?,
        );
    }
    packet.extend_from_slice(answer);
    if capabilities.contains(Capabilities::CLIENT_CONNECT_WITH_DB) {
        put_text(&endpoint.database, &mut packet)?;
    }
    if capabilities.contains(Capabilities::CLIENT_PLUGIN_AUTH) {
        packet.extend_from_slice(login.plugin());
        packet.push(0);
    }
    if capabilities.contains(Capabilities::CLIENT_CONNECT_ATTRS) {
        let mut attributes = Vec::new();
        for text in ["program_name", "dbferry"] {
            put_lenenc(text.len() as u64, &mut attributes);
            attributes.extend_from_slice(text.as_bytes());
        }
        put_lenenc(attributes.len() as u64, &mut packet);
        packet.extend_from_slice(&attributes);
    }
    Ok(packet)
}

fn put_text(text: &str, packet: &mut Vec<u8>) -> Result<()> {
    if text.contains('\0') {
        return Err(Error::new(Kind::Request, "a user or database name holds a zero byte"));
    }
    packet.extend_from_slice(text.as_bytes());
    packet.push(0);
    Ok(())
}

impl Greeting {
    fn parse(packet: &[u8]) -> Result<Self> {
        let mut parse = Parse::new(packet);
        match parse.byte()? {
            10 => {}
            0xff => return Err(fault(packet)?.error(Words::Repeat)),
            _ => return Err(Error::protocol("the server doesn't speak the protocol of mysql")),
        }
        let version = String::from_utf8_lossy(parse.until_nul()).into_owned();
        let session = parse.u32()?;
        let mut challenge = parse.bytes(8)?.to_vec();
        parse.byte()?;
        let low = parse.u16()?;
        let _character_set = parse.byte()?;
        let _status = parse.u16()?;
        let high = parse.u16()?;
        let length = parse.byte()?;
        parse.bytes(10)?;
        challenge.extend_from_slice(parse.bytes(usize::from(length.saturating_sub(8).max(13)))?);
        let bits = u32::from(low) | u32::from(high) << 16;
        let capabilities = Capabilities::from_bits_truncate(bits);
        if !capabilities.contains(Capabilities::CLIENT_PROTOCOL_41) {
            return Err(Error::new(Kind::Unsupported, "the server is older than mysql 4.1"));
        }
        // `MariaDB` feigns an old version before its own, for the sake of old replicas.
        let version = version.strip_prefix("5.5.5-").unwrap_or(&version).to_owned();
        // Its first bit says "not MariaDB", and must not be lost for `MariaDB`'s other bits to stay off.
        Ok(Self {
            version,
            session,
            capabilities: capabilities
                | Capabilities::CLIENT_LONG_PASSWORD
                | Capabilities::CLIENT_CONNECT_WITH_DB,
            challenge,
            plugin: parse.until_nul().to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn greeting(version: &str) -> Vec<u8> {
        let mut packet = vec![10];
        packet.extend_from_slice(version.as_bytes());
        packet.extend_from_slice(&[0, 1, 0, 0, 0]);
        packet.extend_from_slice(b"12345678\0");
        packet.extend_from_slice(&[0xfe, 0xf7, 45, 2, 0, 0xff, 0x81, 21]);
        packet.extend_from_slice(&[0; 10]);
        packet.extend_from_slice(b"abcdefghijkl\0mysql_native_password\0");
        packet
    }

    #[test]
    fn a_greeting_is_read() {
        let read = Greeting::parse(&greeting("5.5.5-10.11.6-MariaDB")).unwrap();
        assert_eq!(read.version, "10.11.6-MariaDB");
        assert_eq!(read.challenge, b"12345678abcdefghijkl\0");
        assert_eq!(read.plugin, b"mysql_native_password");
    }

    #[test]
    fn a_cut_greeting_is_a_protocol_error() {
        let whole = greeting("9.7.0");
        for end in 0..whole.len() - 23 {
            assert_eq!(Greeting::parse(&whole[..end]).unwrap_err().kind(), Kind::Protocol);
        }
    }

    #[test]
    fn only_writers_offer_files() {
        let endpoint: Endpoint = serde_json::from_str(r#"{"engine":"mysql"}"#).unwrap();
        for (role, offered) in [(Role::Plain, false), (Role::Reader, false), (Role::Writer, true)] {
            let wanted = capabilities(&endpoint, role);
            assert_eq!(wanted.contains(Capabilities::CLIENT_LOCAL_FILES), offered);
        }
    }
}
