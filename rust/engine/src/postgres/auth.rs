//! Proving who we are: SCRAM-SHA-256 with and without channel binding, MD5, clear text.
//!
//! Channel binding is `tls-server-end-point` (RFC 5929): the hash of the server's certificate, by the hash
//! function of its signature, with MD5 and SHA-1 replaced by SHA-256.

use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{
    ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256,
};
use postgres_protocol::message::backend::{AuthenticationSaslBody, Message};
use postgres_protocol::message::frontend;
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::connect::Connection;
use crate::error::{Error, Kind, Result};
use crate::plan::Endpoint;

/// Answers the server until it is satisfied.
pub fn authenticate(session: &mut Connection, endpoint: &Endpoint) -> Result<()> {
    loop {
        match session.message()? {
            Message::AuthenticationOk => return Ok(()),
            Message::AuthenticationCleartextPassword => {
                if !session.is_private() {
                    return Err(Error::new(
                        Kind::Auth,
                        "the server wants the password in clear over an open connection",
                    )
                    .with_hint("use TLS (sslmode=require), or have the server use scram-sha-256"));
                }
                let password = password(endpoint)?;
                session.send(|out| frontend::password_message(password, out))?;
            }
            Message::AuthenticationMd5Password(body) => {
                let hash = md5_hash(endpoint.user.as_bytes(), password(endpoint)?, body.salt());
                session.send(|out| frontend::password_message(hash.as_bytes(), out))?;
            }
            Message::AuthenticationSasl(body) => scram(session, endpoint, &body)?,
            Message::AuthenticationGss
            | Message::AuthenticationKerberosV5
            | Message::AuthenticationScmCredential
            | Message::AuthenticationSspi => {
                return Err(Error::new(
                    Kind::Auth,
                    "the server wants a way of authentication that dbferry doesn't know",
                )
                .with_hint(
                    "let pg_hba.conf ask this user for scram-sha-256, md5 or a certificate",
                ));
            }
            _ => return Err(Error::protocol("the server left the login's protocol")),
        }
    }
}

fn password(endpoint: &Endpoint) -> Result<&[u8]> {
    match &endpoint.password {
        Some(password) => Ok(password.reveal().as_bytes()),
        None => Err(Error::new(
            Kind::Auth,
            format!("the server wants a password for the user `{}`", endpoint.user),
        )
        .with_hint("give one in the URL, the environment or a password file")),
    }
}

fn scram(
    session: &mut Connection,
    endpoint: &Endpoint,
    offered: &AuthenticationSaslBody,
) -> Result<()> {
    let offered: Vec<String> = offered
        .mechanisms()
        .map(|name| Ok(name.to_owned()))
        .collect()
        .map_err(|_| Error::protocol("the server's list of mechanisms can't be read"))?;
    let offers = |name: &str| offered.iter().any(|one| one == name);
    let binding = session.peer_certificate().as_deref().and_then(end_point);
    let (mechanism, binding) = match binding {
        Some(hash) if offers(SCRAM_SHA_256_PLUS) => {
            (SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(hash))
        }
        // "We could have": tells the server that somebody removed PLUS on the way, if it was offered.
        Some(_) if offers(SCRAM_SHA_256) => (SCRAM_SHA_256, ChannelBinding::unrequested()),
        None if offers(SCRAM_SHA_256) => (SCRAM_SHA_256, ChannelBinding::unsupported()),
        Some(_) | None => {
            return Err(Error::new(
                Kind::Auth,
                "the server offers no mechanism that dbferry knows",
            )
            .with_detail(offered.join(", ")));
        }
    };
    let mut scram = ScramSha256::new(password(endpoint)?, binding);
    session.send(|out| frontend::sasl_initial_response(mechanism, scram.message(), out))?;
    let Message::AuthenticationSaslContinue(body) = session.message()? else {
        return Err(Error::protocol("the server left the login's protocol"));
    };
    scram.update(body.data()).map_err(|error| refused(&error))?;
    session.send(|out| frontend::sasl_response(scram.message(), out))?;
    let Message::AuthenticationSaslFinal(body) = session.message()? else {
        return Err(Error::protocol("the server left the login's protocol"));
    };
    scram.finish(body.data()).map_err(|error| refused(&error))
}

fn refused(error: &std::io::Error) -> Error {
    Error::new(Kind::Auth, "the server could not prove that it knows the password")
        .with_detail(error.to_string())
}

/// The certificate's hash for `tls-server-end-point`; nothing when its signature has no hash of its own.
fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let hash = match parsed.signature_algorithm.algorithm.to_id_string().as_str() {
        // md5, sha1 and sha256 with RSA; ecdsa with sha1 and sha256; dsa with sha1 and sha256
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.1"
        | "1.2.840.10045.4.3.2"
        | "1.2.840.10040.4.3"
        | "2.16.840.1.101.3.4.3.2" => Sha256::digest(certificate).to_vec(),
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => Sha384::digest(certificate).to_vec(),
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => Sha512::digest(certificate).to_vec(),
        _ => return None,
    };
    Some(hash)
}
