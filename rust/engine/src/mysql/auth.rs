//! Proving who we are: the plugins a server may name, and what each is told.

use mysql_common::auth::plugins::mysql_clear_password::MysqlClearPassword;
use mysql_common::auth::plugins::{AuthProc, ChallengeResponsePlugin, Context, Response};
use mysql_common::packets::AuthPlugin;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::error::{Error, Kind, Result};

/// How the bytes travel, which decides whether a password may be sent as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Plain,
    Socket,
    Tls,
}

/// One login: the plugin in use and what it must know.
pub struct Login<'a> {
    pub password: &'a [u8],
    pub transport: Transport,
    plugin: AuthProc,
    name: Vec<u8>,
    scramble: Vec<u8>,
    waits_for_key: bool,
}

struct Known<'a>(&'a Login<'a>);

impl Context for Known<'_> {
    fn pass(&self) -> &[u8] {
        self.0.password
    }

    fn is_ipc_transport(&self) -> bool {
        self.0.transport == Transport::Socket
    }

    fn is_tls_transport(&self) -> bool {
        self.0.transport == Transport::Tls
    }

    fn scramble(&self) -> &[u8] {
        &self.0.scramble
    }

    fn server_key_pem(&self) -> Option<&[u8]> {
        None
    }
}

impl<'a> Login<'a> {
    /// Begins with the plugin and the challenge of the handshake or of a switch; gives the first answer.
    pub fn begin(
        password: &'a [u8],
        transport: Transport,
        name: &[u8],
        challenge: &[u8],
    ) -> Result<(Self, Vec<u8>)> {
        let wanted = AuthPlugin::from_bytes(name);
        let shown = String::from_utf8_lossy(name).into_owned();
        let refused = || {
            Error::new(
                Kind::Unsupported,
                format!("the server asks for the unknown authentication plugin `{shown}`"),
            )
        };
        if matches!(wanted, AuthPlugin::MysqlOldPassword | AuthPlugin::Other(_)) {
            return Err(refused());
        }
        if matches!(wanted, AuthPlugin::MysqlClearPassword) && transport != Transport::Tls {
            return Err(Error::new(
                Kind::Auth,
                "the server asks for the password in clear on a connection without TLS",
            )
            .with_hint("require TLS for this connection"));
        }
        let plugin = AuthProc::init(&wanted).map_err(|_| refused())?;
        // The zero byte that ends the challenge in a handshake or switch isn't part of it.
        let length = if matches!(wanted, AuthPlugin::Ed25519) { 32 } else { 20 };
        let scramble = challenge[..challenge.len().min(length)].to_vec();
        let mut login = Self {
            password,
            transport,
            plugin,
            name: name.to_vec(),
            scramble,
            waits_for_key: false,
        };
        let challenge = login.scramble.clone();
        let answer = login.run(&challenge)?.unwrap_or_default();
        Ok((login, answer))
    }

    /// Answers what the server sent after its 0x01 byte; `None` when nothing is to be sent.
    pub fn answer(&mut self, challenge: &[u8]) -> Result<Option<Vec<u8>>> {
        if self.waits_for_key {
            check_key(challenge)?;
        }
        self.run(challenge)
    }

    pub fn plugin(&self) -> &[u8] {
        &self.name
    }

    fn run(&mut self, challenge: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut plugin = std::mem::replace(
            &mut self.plugin,
            AuthProc::MysqlClearPassword(MysqlClearPassword::default()),
        );
        let answer = plugin.run(Known(self), challenge);
        self.plugin = plugin;
        match answer {
            Ok(Response::Next { packet }) => {
                // A single byte asks `sha256_password` (1) or `caching_sha2_password` (2) for its key.
                self.waits_for_key = matches!(packet.as_deref(), Some([1 | 2]));
                Ok(packet)
            }
            Ok(Response::Last { packet }) => Ok(packet),
            Err(error) => Err(Error::protocol(format!(
                "the server's authentication can't be followed: {}",
                error.to_string().to_lowercase()
            ))),
        }
    }
}

/// The key is parsed by a strict parser first: the one that encrypts trusts its input.
fn check_key(pem: &[u8]) -> Result<()> {
    let bad = || Error::protocol("the server's public key is malformed");
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem).map_err(|_| bad())?;
    let (_, key) = SubjectPublicKeyInfo::from_der(&pem.contents).map_err(|_| bad())?;
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) if (1024..=16_384).contains(&rsa.key_size()) => Ok(()),
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_empty_password_is_an_empty_answer() {
        for plugin in ["mysql_native_password", "caching_sha2_password"] {
            let (_, answer) =
                Login::begin(b"", Transport::Plain, plugin.as_bytes(), &[b'a'; 20]).unwrap();
            assert!(answer.is_empty(), "{plugin}");
        }
    }

    #[test]
    fn a_password_in_clear_needs_tls() {
        let refused =
            Login::begin(b"x", Transport::Plain, b"mysql_clear_password", b"").err().unwrap();
        assert_eq!(refused.kind(), Kind::Auth);
        let (_, answer) = Login::begin(b"x", Transport::Tls, b"mysql_clear_password", b"").unwrap();
        assert_eq!(answer, b"x\0");
    }

    #[test]
    fn a_malformed_key_is_an_error() {
        for key in [&b""[..], b"-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n"] {
            let (mut login, _) =
                Login::begin(b"x", Transport::Plain, b"caching_sha2_password", &[b'a'; 20])
                    .unwrap();
            assert_eq!(login.answer(&[4]).unwrap().unwrap(), [2]);
            assert_eq!(login.answer(key).unwrap_err().kind(), Kind::Protocol);
        }
    }
}
