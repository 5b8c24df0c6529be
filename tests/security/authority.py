"""A certificate authority of one test, and the files that a server, a client or a broker wants."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID = timedelta(days=1)
LOOPBACK = IPv4Address("127.0.0.1")


@dataclass(frozen=True)
class Identity:
    """A certificate and its private key, in PEM files."""

    certificate: Path
    key: Path

    @property
    def both(self) -> str:
        """Key and certificate one after the other, as a broker's keystore has them."""
        return self.key.read_text() + self.certificate.read_text()


class Authority:
    """It signs whatever it is asked to; whoever has `certificate` believes it."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        certificate = (
            _unsigned(self._name, self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate = folder / f"{name}.pem"
        self.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *hosts: str, addresses: tuple[IPv4Address, ...] = ()) -> Identity:
        """Sign for `name`, which may serve under these hosts and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        places = [*map(x509.DNSName, hosts), *map(x509.IPAddress, addresses)]
        certificate = (
            _unsigned(_named(name), self._name, key)
            .add_extension(x509.SubjectAlternativeName(places or [x509.DNSName(name)]), False)
            .sign(self._key, hashes.SHA256())
        )
        identity = Identity(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        identity.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        identity.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return identity


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _unsigned(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - VALID)
        .not_valid_after(now + VALID)
    )
