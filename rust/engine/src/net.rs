//! A byte stream to a server: TCP or a unix socket, plain or under TLS.
//!
//! All is blocking. Until [`Stream::set_timeout`] says otherwise a read or write may take as long as the endpoint's
//! connect timeout allows, so that a silent server can't hold a login for ever; a copy then waits
//! without a limit, and [`Cancel`] wakes it by shutting the socket down.
//!
//! Servers send rows in pieces of 8 or 16 KiB, and waking a reader for each costs both sides more than reading them. Once
//! an answer has proved to be long ([`Stream::expect_bulk`]), a read waits until many bytes are there; what comes
//! slowly, as the end does, is taken after a moment.

mod tls;

use std::io::{Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::StreamOwned;
use rustls::client::ClientConnection;
use rustls::pki_types::ServerName;
use socket2::{Domain, SockAddr, Socket, TcpKeepalive, Type};

use crate::cancel::Cancel;
use crate::error::{Error, Kind, Result};
use crate::plan::{Endpoint, Host, Tls};

/// Kernel buffers: below this a fast server waits for us between reads, above nothing is won.
const SOCKET_BUFFER: usize = 512 << 10;
/// A peer that vanished without a word is noticed after about two minutes.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// Bytes of an answer after which it is a long one: the moment at its end is not worth it for less.
const LONG: usize = 1 << 20;
/// Bytes that a read of a long answer waits for: few enough that the server finds room for more meanwhile.
const GATHERED: usize = 128 << 10;
/// How long it waits for them; the kernel rounds up to its tick.
const MOMENT: Duration = Duration::from_millis(1);

/// Where a server listens.
#[derive(Debug, Clone, Copy)]
pub enum Address<'a> {
    Host(&'a Host),
    /// Path of a unix socket.
    Socket(&'a str),
}

impl<'a> Address<'a> {
    /// An endpoint with this address alone, given up on soon: for a word to a server about a session of ours.
    pub fn only(self, endpoint: &Endpoint) -> Endpoint {
        let hosts = match self {
            Address::Host(host) => vec![host.clone()],
            Address::Socket(_) => Vec::new(),
        };
        Endpoint { hosts, connect_timeout_seconds: 2, ..endpoint.clone() }
    }

    /// The addresses of an endpoint in the order they are tried.
    pub fn of(endpoint: &'a Endpoint) -> Vec<Address<'a>> {
        match &endpoint.socket {
            Some(path) => vec![Address::Socket(path)],
            None => endpoint.hosts.iter().map(Address::Host).collect(),
        }
    }

    /// What TLS expects on the certificate; nothing for a unix socket.
    pub fn host(self) -> Option<&'a str> {
        match self {
            Address::Host(host) => Some(&host.name),
            Address::Socket(_) => None,
        }
    }
}

impl std::fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Address::Host(host) => write!(f, "{}:{}", host.name, host.port),
            Address::Socket(path) => f.write_str(path),
        }
    }
}

/// The socket itself, shared with the cancel hook that shuts it down.
#[derive(Debug, Clone)]
struct Wire {
    socket: Arc<Socket>,
    answer: Answer,
}

/// What is known of the answer that is being read.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Short,
    /// It may be long; so many bytes have come.
    Growing(usize),
    Long,
}

impl Wire {
    fn gather(&self, gather: bool) -> std::io::Result<()> {
        let (bytes, wait) = if gather { (GATHERED, Some(MOMENT)) } else { (1, None) };
        set_least(&self.socket, bytes)?;
        self.socket.set_read_timeout(wait)
    }

    fn expect(&mut self, answer: Answer) -> std::io::Result<()> {
        if let Answer::Long = self.answer {
            self.gather(false)?;
        }
        self.answer = answer;
        Ok(())
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = (&*self.socket).read(buffer);
        match (self.answer, read) {
            (Answer::Growing(before), Ok(count)) if before + count >= LONG => {
                self.gather(true)?;
                self.answer = Answer::Long;
                Ok(count)
            }
            (Answer::Growing(before), Ok(count)) => {
                self.answer = Answer::Growing(before + count);
                Ok(count)
            }
            // Nothing came for a moment: the next byte may take as long as it likes.
            (Answer::Long, Err(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                self.gather(false)?;
                let count = (&*self.socket).read(buffer)?;
                self.gather(true)?;
                Ok(count)
            }
            (_, read) => read,
        }
    }
}

/// Fewer bytes than these don't wake a reader, where the system can do that.
fn set_least(socket: &Socket, bytes: usize) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;

        let value = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
        let size = libc::socklen_t::try_from(size_of_val(&value)).unwrap_or_default();
        // SAFETY: the descriptor is open as long as `socket` is borrowed, and the option takes one int.
        let done = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_RCVLOWAT,
                (&raw const value).cast(),
                size,
            )
        };
        if done != 0 {
            return Err(std::io::Error::last_os_error());
        }
    }
    Ok(())
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        (&*self.socket).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A connected stream.
pub struct Stream {
    wire: Wire,
    tls: Option<Box<StreamOwned<ClientConnection, Wire>>>,
    local: bool,
}

impl Stream {
    /// Connects within the endpoint's timeout, which also bounds each read and write until `set_timeout`.
    pub fn connect(endpoint: &Endpoint, address: Address<'_>, cancel: &Cancel) -> Result<Self> {
        cancel.check()?;
        let timeout = Duration::from_secs(endpoint.connect_timeout_seconds.max(1));
        let socket = match address {
            Address::Host(host) => connect_tcp(host, timeout, cancel)?,
            Address::Socket(path) => connect_unix(path, cancel)?,
        };
        cancel.check()?;
        let wire = Wire { socket, answer: Answer::Short };
        let stream = Self { wire, tls: None, local: matches!(address, Address::Socket(_)) };
        stream.set_timeout(Some(timeout))?;
        Ok(stream)
    }

    /// Bounds each read and write from now on; `None` waits as long as it takes.
    pub fn set_timeout(&self, timeout: Option<Duration>) -> Result<()> {
        self.wire.socket.set_read_timeout(timeout)?;
        self.wire.socket.set_write_timeout(timeout)?;
        Ok(())
    }

    /// From here on, and until `end_bulk`, an answer of many bytes is read in large pieces. Reads must have no timeout.
    pub fn expect_bulk(&mut self) -> Result<()> {
        // On a unix socket the kernel wakes a reader for every byte whatever it is told.
        if !self.local {
            self.reading().expect(Answer::Growing(0))?;
        }
        Ok(())
    }

    pub fn end_bulk(&mut self) -> Result<()> {
        Ok(self.reading().expect(Answer::Short)?)
    }

    /// The side that reads: under TLS its own.
    fn reading(&mut self) -> &mut Wire {
        match &mut self.tls {
            Some(tls) => &mut tls.sock,
            None => &mut self.wire,
        }
    }

    /// Starts TLS and finishes its handshake; `host` is the name the certificate should bear.
    pub fn upgrade(self, tls: &Tls, host: &str) -> Result<Self> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            Error::new(Kind::Tls, format!("`{host}` is not a host name that TLS can use"))
        })?;
        let config = Arc::new(tls::client_config(tls)?);
        let session = ClientConnection::new(config, name)
            .map_err(|error| tls::tls_error(&error, tls, host))?;
        let mut stream = StreamOwned::new(session, self.wire.clone());
        while stream.conn.is_handshaking() {
            stream
                .conn
                .complete_io(&mut stream.sock)
                .map_err(|error| tls::handshake_error(error, tls, host))?;
        }
        Ok(Self { tls: Some(Box::new(stream)), ..self })
    }

    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// True when nobody on a network can listen: TLS or a unix socket.
    pub fn is_private(&self) -> bool {
        self.is_tls() || self.local
    }

    /// The server's certificate (DER), for channel binding; nothing without TLS.
    pub fn peer_certificate(&self) -> Option<Vec<u8>> {
        let certificates = self.tls.as_ref()?.conn.peer_certificates()?;
        certificates.first().map(|certificate| certificate.to_vec())
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match &mut self.tls {
            Some(tls) => tls.read(buffer),
            None => self.wire.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match &mut self.tls {
            Some(tls) => tls.write(bytes),
            None => self.wire.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match &mut self.tls {
            Some(tls) => tls.flush(),
            None => Ok(()),
        }
    }
}

/// A socket that `cancel` shuts down, which wakes whoever waits on it, also while it connects.
fn shared(socket: Socket, cancel: &Cancel) -> Arc<Socket> {
    let socket = Arc::new(socket);
    let weak = Arc::downgrade(&socket);
    cancel.on_cancel(move || {
        if let Some(socket) = weak.upgrade() {
            // Fails only when the peer has closed already, which wakes the reader just as well.
            let _ = socket.shutdown(std::net::Shutdown::Both);
        }
    });
    socket
}

fn connect_tcp(host: &Host, timeout: Duration, cancel: &Cancel) -> Result<Arc<Socket>> {
    let place = Address::Host(host);
    let addresses = (host.name.as_str(), host.port).to_socket_addrs().map_err(|error| {
        Error::new(Kind::Connect, format!("the name `{}` can't be resolved", host.name))
            .with_detail(error.to_string())
    })?;
    let mut failure = None;
    for address in addresses {
        match open_tcp(address, timeout, cancel) {
            Ok(socket) => return Ok(socket),
            Err(error) => failure = Some(error),
        }
        cancel.check()?;
    }
    let detail = failure.map_or_else(|| "the name has no address".to_owned(), |e| e.to_string());
    Err(Error::new(Kind::Connect, format!("can't connect to `{place}`"))
        .with_detail(detail)
        .with_hint("check that the server runs, listens on this host and port, and that no firewall is between"))
}

fn open_tcp(
    address: SocketAddr,
    timeout: Duration,
    cancel: &Cancel,
) -> std::io::Result<Arc<Socket>> {
    let socket = shared(Socket::new(Domain::for_address(address), Type::STREAM, None)?, cancel);
    // Before connecting, or the window that TCP announces is too small for it.
    set_buffers(&socket);
    socket.connect_timeout(&address.into(), timeout)?;
    socket.set_tcp_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL);
    socket.set_tcp_keepalive(&keepalive)?;
    Ok(socket)
}

fn connect_unix(path: &str, cancel: &Cancel) -> Result<Arc<Socket>> {
    let open = || -> std::io::Result<Arc<Socket>> {
        let socket = shared(Socket::new(Domain::UNIX, Type::STREAM, None)?, cancel);
        set_buffers(&socket);
        socket.connect(&SockAddr::unix(path)?)?;
        Ok(socket)
    };
    open().map_err(|error| {
        Error::new(Kind::Connect, format!("can't connect to the socket `{path}`"))
            .with_detail(error.to_string())
            .with_hint("check that the server runs and that this is the path of its socket")
    })
}

/// A kernel may grant less; that costs speed only.
fn set_buffers(socket: &Socket) {
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::net::TcpListener;

    use super::*;

    fn endpoint(port: u16) -> Endpoint {
        let json = format!(
            r#"{{"engine":"postgresql","hosts":[{{"name":"127.0.0.1","port":{port}}}],"connect_timeout_seconds":1}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn cancel_wakes_a_blocked_read() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = endpoint(listener.local_addr().unwrap().port());
        let cancel = Cancel::default();
        let mut stream = Stream::connect(&endpoint, Address::of(&endpoint)[0], &cancel).unwrap();
        stream.set_timeout(None).unwrap();
        let reader = std::thread::spawn(move || stream.read(&mut [0; 8]));
        cancel.cancel();
        assert_eq!(reader.join().unwrap().unwrap(), 0);
    }

    #[test]
    fn cancel_wakes_who_still_connects() {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let port = listener.local_addr().unwrap().as_socket().unwrap().port();
        // Those that fill its queue: whoever comes next is not answered.
        let taken: Vec<_> = (0..2)
            .map(|_| std::net::TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), MOMENT))
            .collect();
        let endpoint = Endpoint { connect_timeout_seconds: 60, ..endpoint(port) };
        let cancel = Cancel::default();
        let begun = std::time::Instant::now();
        let connecting = std::thread::spawn({
            let cancel = cancel.clone();
            move || Stream::connect(&endpoint, Address::of(&endpoint)[0], &cancel).err()
        });
        while !connecting.is_finished() && begun.elapsed() < Duration::from_millis(200) {
            std::thread::yield_now();
        }
        cancel.cancel();
        assert_eq!(connecting.join().unwrap().unwrap().kind(), Kind::Cancelled);
        assert!(begun.elapsed() < Duration::from_secs(30));
        drop(taken);
    }

    #[test]
    fn a_silent_server_times_out() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = endpoint(listener.local_addr().unwrap().port());
        let mut stream =
            Stream::connect(&endpoint, Address::of(&endpoint)[0], &Cancel::default()).unwrap();
        let error = Error::from(stream.read(&mut [0; 8]).unwrap_err());
        assert_eq!(error.kind(), Kind::Timeout);
    }

    #[test]
    fn a_closed_port_is_a_connect_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = endpoint(listener.local_addr().unwrap().port());
        drop(listener);
        let error = Stream::connect(&endpoint, Address::of(&endpoint)[0], &Cancel::default())
            .err()
            .unwrap();
        assert_eq!(error.kind(), Kind::Connect);
        assert!(error.kind().retryable());
    }

    #[test]
    fn a_long_answer_arrives_whole_and_waits_for_a_late_end() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = endpoint(listener.local_addr().unwrap().port());
        let mut stream =
            Stream::connect(&endpoint, Address::of(&endpoint)[0], &Cancel::default()).unwrap();
        stream.set_timeout(None).unwrap();
        let mut server = listener.accept().unwrap().0;
        let socket = Arc::clone(&stream.wire.socket);
        let sender = std::thread::spawn(move || {
            server.write_all(&vec![1; 3 * LONG]).unwrap();
            // The reader gathers at last, and then, as nothing has come for a moment, waits for a single byte.
            for gathering in [true, false] {
                while socket.read_timeout().unwrap().is_some() != gathering {
                    std::thread::yield_now();
                }
            }
            server.write_all(&[2]).unwrap();
            server
        });
        stream.expect_bulk().unwrap();
        let (mut buffer, mut seen) = (vec![0; LONG / 2], 0);
        while seen < 3 * LONG + 1 {
            let count = stream.read(&mut buffer).unwrap();
            assert!(count > 0);
            seen += count;
        }
        assert!(buffer.contains(&2));
        stream.end_bulk().unwrap();
        assert!(stream.wire.socket.read_timeout().unwrap().is_none());
        sender.join().unwrap().write_all(&[3]).unwrap();
        assert_eq!(stream.read(&mut buffer).unwrap(), 1);
    }
}
