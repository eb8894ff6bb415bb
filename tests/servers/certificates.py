"""A certificate authority, a server certificate and a client certificate, made on the spot."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLIENT_NAME = "certuser"


@dataclass(frozen=True)
class Certificates:
    """Paths of PEM files; keys are readable by their owner only."""

    ca: Path
    server_cert: Path
    server_key: Path
    client_cert: Path
    client_key: Path


@dataclass(frozen=True)
class _Authority:
    name: x509.Name
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def make_certificates(folder: Path) -> Certificates:
    """Write a fresh set of certificates into `folder`."""
    authority = _make_authority()
    server = _server_extensions()
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    ca = folder / "ca.pem"
    ca.write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    server_cert, server_key = _issue(authority, "localhost", server, folder / "server")
    client_cert, client_key = _issue(authority, CLIENT_NAME, [usage], folder / "client")
    return Certificates(ca, server_cert, server_key, client_cert, client_key)


def _make_authority() -> _Authority:
    name = _name("dbferry test authority")
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, name, key).add_extension(x509.BasicConstraints(True, 0), True)
    builder = builder.add_extension(_authority_usage(), True)
    return _Authority(name, key, builder.sign(key, hashes.SHA256()))


def _authority_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _server_extensions() -> list[x509.ExtensionType]:
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), address])
    return [names, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])]


def _issue(
    authority: _Authority, name: str, extensions: list[x509.ExtensionType], stem: Path
) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name(name), authority.name, key)
    builder = builder.add_extension(x509.BasicConstraints(False, None), True)
    for extension in extensions:
        builder = builder.add_extension(extension, False)
    certificate = builder.sign(authority.key, hashes.SHA256())
    cert_path, key_path = stem.with_suffix(".pem"), stem.with_suffix(".key")
    cert_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.touch(0o600)
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert_path, key_path


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
