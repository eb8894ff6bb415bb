//! Whom TLS trusts depends on its mode: `prefer` and `require` take any certificate (but still check that
//! the server holds its key, or channel binding would prove nothing), `verify_ca` wants one from a trusted
//! authority, `verify_full` also the host's name on it. A certificate that is itself in the file of
//! authorities is trusted as it stands, so a self-signed one can be named directly.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::error::{Error, Kind, Result};
use crate::plan::{Tls, TlsMode};

pub(super) fn client_config(tls: &Tls) -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier { trust: Trust::of(tls)?, provider: Arc::clone(&provider) };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(Kind::Tls, error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    match (&tls.certificate, &tls.key) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(certificate), Some(key)) => {
            let chain = read_certificates(certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| {
                Error::new(Kind::Tls, format!("can't read a private key from `{key}`"))
                    .with_detail(error.to_string())
                    .with_hint("the file must be PEM and its key not encrypted")
            })?;
            builder.with_client_auth_cert(chain, key).map_err(|error| {
                Error::new(Kind::Tls, "the client's certificate and key can't be used")
                    .with_detail(error.to_string())
            })
        }
        (Some(_), None) => Err(Error::new(Kind::Request, "a client certificate needs its key")),
        (None, Some(_)) => Err(Error::new(Kind::Request, "a client key needs its certificate")),
    }
}

fn read_certificates(path: &str) -> Result<Vec<CertificateDer<'static>>> {
    let unreadable = |detail: String| {
        Error::new(Kind::Tls, format!("can't read certificates from `{path}`")).with_detail(detail)
    };
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(error.to_string()))?;
    if certificates.is_empty() {
        return Err(unreadable("the file holds no PEM certificate".to_owned()));
    }
    Ok(certificates)
}

/// Whose certificates are taken.
#[derive(Debug)]
enum Trust {
    Anyone,
    Authorities {
        roots: RootCertStore,
        /// The file's certificates as they stand; one of them may be the server's own.
        named: Vec<CertificateDer<'static>>,
        name: NameCheck,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NameCheck {
    Ignored,
    Demanded,
}

impl Trust {
    fn of(tls: &Tls) -> Result<Self> {
        let name = match tls.mode {
            TlsMode::Disable | TlsMode::Prefer | TlsMode::Require => return Ok(Trust::Anyone),
            TlsMode::VerifyCa => NameCheck::Ignored,
            TlsMode::VerifyFull => NameCheck::Demanded,
        };
        let named = match &tls.ca {
            Some(path) => read_certificates(path)?,
            None => rustls_native_certs::load_native_certs().certs,
        };
        let mut roots = RootCertStore::empty();
        // One that can't be parsed can't vouch for anyone; it may still be compared as it stands.
        roots.add_parsable_certificates(named.iter().cloned());
        if named.is_empty() {
            return Err(Error::new(Kind::Tls, "the system has no trusted authorities")
                .with_hint("name a file of authorities (sslrootcert, ssl-ca)"));
        }
        let named = if tls.ca.is_some() { named } else { Vec::new() };
        Ok(Trust::Authorities { roots, named, name })
    }
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Trust::Authorities { roots, named, name } = &self.trust else {
            return Ok(ServerCertVerified::assertion());
        };
        let certificate = ParsedCertificate::try_from(end_entity)?;
        if !named.iter().any(|one| one.as_ref() == end_entity.as_ref()) {
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                roots,
                intermediates,
                now,
                algorithms,
            )?;
        }
        match name {
            NameCheck::Demanded => verify_server_name(&certificate, server_name)?,
            NameCheck::Ignored => {}
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

pub(super) fn handshake_error(error: std::io::Error, tls: &Tls, host: &str) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(inner) => tls_error(inner, tls, host),
        None => error.into(),
    }
}

pub(super) fn tls_error(error: &rustls::Error, tls: &Tls, host: &str) -> Error {
    let fault = |message: String| Error::new(Kind::Tls, message).with_detail(error.to_string());
    match error {
        // `Other` is what a self-signed certificate ends in.
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer
            | CertificateError::BadSignature
            | CertificateError::Other(_),
        ) => fault(format!("the certificate of `{host}` is not from a trusted authority")).with_hint(
            match tls.ca {
                Some(_) => "check that the file of authorities (sslrootcert, ssl-ca) holds the one that signed it",
                None => "name the file of the authority that signed it (sslrootcert, ssl-ca)",
            },
        ),
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => fault(format!("the certificate of the server is not for the name `{host}`")).with_hint(
            "connect by a name that the certificate lists as subject alternative name, or check the authority only (verify-ca)",
        ),
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => fault(format!("the certificate of `{host}` has expired")),
        rustls::Error::InvalidCertificate(_) => {
            fault(format!("the certificate of `{host}` can't be accepted"))
        }
        rustls::Error::AlertReceived(_) => fault(format!("`{host}` refused the TLS handshake")).with_hint(
            match tls.certificate {
                Some(_) => "check that the server trusts the client's certificate",
                None => "the server may want a client certificate (sslcert and sslkey, ssl-cert and ssl-key)",
            },
        ),
        _ => fault(format!("the TLS handshake with `{host}` failed")),
    }
}
