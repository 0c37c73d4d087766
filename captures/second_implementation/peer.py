"""A second implementation of the peer protocol, written from docs/PROTOCOL.md alone.

peer.py get OPTIONS [--expect ALIAS] HOST PORT PATH OUT
peer.py serve OPTIONS --chunk BYTES FOLDER           with OPTIONS --root, --crl and --device FILE"""
import os
import socket
import sys
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from blake3 import blake3
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID as Use, NameOID, SignatureAlgorithmOID
from OpenSSL import SSL, crypto

import wire
from wire import encode, is_label, require

SUITE, GROUPS = b"orgshare/1.aes-256-gcm", ("X25519MLKEM768", "x25519", "secp256r1")
PASSES = ((1, 9), (1, 10), (0, 11))  # depth and X509_V_ERR: the root's dates, a list ahead of time
TEXT = (12, 19)  # the ASN.1 tags of UTF8String and PrintableString
SIGNATURES = (SignatureAlgorithmOID.RSA_WITH_SHA256, SignatureAlgorithmOID.ECDSA_WITH_SHA256)
USES = {Use.SERVER_AUTH, Use.CLIENT_AUTH, Use.EMAIL_PROTECTION}
CRITICAL = ("basicConstraints", "keyUsage", "extendedKeyUsage", "subjectAltName")
HANDSHAKE_BYTES, HANDSHAKE_SECONDS, IDLE_SECONDS = 65536, 10, 60
DIGESTS, WANTED, TAG = {0: blake3, 1: sha256}, 0, 16


def name(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> Any:
    found = certificate.subject.get_attributes_for_oid(oid)
    require(len(found) == 1 and found[0]._type.value in TEXT, f"not exactly one {oid._name}")
    return found[0].value


def expired(certificate: x509.Certificate) -> bool:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return not start.timestamp() <= int(time.time()) <= end.timestamp()


def extensions(*holders: Any, may_be_critical: tuple[str, ...]) -> dict[str, Any]:
    """Those of the first, and none may be critical beyond these."""
    critical = {each.oid._name for held in holders for each in held.extensions if each.critical}
    require(critical <= {*may_be_critical}, f"not all of {critical} may be critical")
    return {each.oid._name: each.value for each in holders[0].extensions}


class Device:
    """What one side holds, and the alias it expects of the other, if it does."""
    def __init__(self, options: dict[str, str]) -> None:
        root, own = (Path(options[option]).read_bytes() for option in ("--root", "--device"))
        self.root, self.own = map(x509.load_pem_x509_certificate, (root, own))
        self.key: Any = load_pem_private_key(own, None)
        self.crl_file, self.expect = Path(options["--crl"]), options.get("--expect")

    def crl(self) -> tuple[x509.CertificateRevocationList, int]:
        """The list as it is in its file now, and its number."""
        crl, public = x509.load_der_x509_crl(self.crl_file.read_bytes()), self.root.public_key()
        require(crl.issuer == self.root.subject and crl.signature_algorithm_oid in SIGNATURES
                and crl.is_signature_valid(public), "the revocation list is not the root's")
        number = extensions(crl, *crl, may_be_critical=("cRLNumber",))["cRLNumber"].crl_number
        require(number < 1 << 64 and crl.next_update_utc, "the list's number or end is wrong")
        return crl, number

    def check(self, other: x509.Certificate) -> None:
        """The rules that a TLS engine with root and list does not check itself: 5, 6 and 8."""
        label, key = name(self.root, NameOID.ORGANIZATION_IDENTIFIER), other.public_key()
        alias, role = name(other, NameOID.COMMON_NAME), name(other, NameOID.TITLE)
        require(is_label(label, 63) and is_label(alias) and is_label(role), "a name is no label")
        require(other.issuer.public_bytes() == self.root.subject.public_bytes()
                and other.signature_algorithm_oid in SIGNATURES, "it is not signed as it must be")
        domain = x509.DNSName(f"{alias}.peer.{label}.internal")
        values = extensions(other, may_be_critical=CRITICAL)
        require(list(values["subjectAltName"]) == [domain] and not values["basicConstraints"].ca
                and values["keyUsage"].digital_signature
                and USES <= {*values["extendedKeyUsage"]}, "an extension is not as it must be")
        require(len(other.public_bytes(Encoding.DER)) <= 8192, "it is over 8192 bytes")
        require(isinstance(key, ec.EllipticCurvePublicKey)
                and key.curve.name in ("secp256r1", "secp384r1")
                or isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048
                or isinstance(key, ed25519.Ed25519PublicKey), "its key is of no allowed kind")
        require(key != self.own.public_key(), "that is our own key")
        require(self.expect in (None, alias), f"{alias} answered instead of {self.expect}")

    def engine(self, listens: bool) -> SSL.Connection:
        def verify(_: Any, certificate: crypto.X509, error: int, depth: int, fine: int) -> bool:
            require(depth < 2, "the certificate is not of the root itself")
            if fine and depth == 0:
                self.check(certificate.to_cryptography())
            return bool(fine) or (depth, error) in PASSES

        context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(SSL.TLS1_3_VERSION)
        context.set_mode(8)  # SSL_MODE_NO_AUTO_CHAIN, which pyOpenSSL does not name
        context.use_certificate(self.own)
        context.use_privatekey(self.key)
        store: Any = context.get_cert_store()
        store.add_cert(crypto.X509.from_cryptography(self.root))
        store.add_crl(self.crl()[0])
        store.set_flags(crypto.X509StoreFlags.CRL_CHECK)
        # What these raise, as when the suite is not on offer, the engine makes an alert of.
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, verify)
        context.set_alpn_select_callback(lambda _, offered: offered[offered.index(SUITE)])
        context.set_alpn_protos([SUITE])
        tls = SSL.Connection(context, None)
        (tls.set_accept_state if listens else tls.set_connect_state)()
        return tls


class Session:
    def __init__(self, sock: socket.socket, device: Device) -> None:
        self.sock, self.device, self.deadline = sock, device, time.monotonic() + HANDSHAKE_SECONDS
        self.handshake, self.said, self.heard, self.opening = True, b"", b"", None

    def receive(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            left = self.deadline - time.monotonic() if self.handshake else IDLE_SECONDS
            self.sock.settimeout(max(left, 0.001))
            data += (piece := self.sock.recv(length - len(data)))
            require(piece, "the other side closed the connection")
        return data

    def read(self, *due: bytes) -> tuple[bytes, Any]:
        """The next frame but for keep-alives, of one of these types, a message as its fields."""
        kind = b"KEEP"
        while kind == b"KEEP":
            header = self.receive(8)
            kind, length = wire.read_header(header, self.handshake)
            heard, keep = len(self.heard) + 8 + length, kind == b"KEEP" and not self.handshake
            require(not self.handshake or heard <= HANDSHAKE_BYTES, "the handshake is too long")
            require(kind in due or keep, f"{kind!r} is not due now")
            payload = self.receive(length)
            if kind in (b"SECE", b"RSCI"):
                self.heard += header + payload
            else:
                payload = wire.unseal(self.opening, header, payload)
        content: Any = wire.read_message(kind, payload) if kind in wire.FIELDS else payload
        require(kind != b"ERRO", f"the listener answered error {content}")
        return kind, content

    def write(self, kind: bytes, plaintext: bytes = b"") -> None:
        cipher, nonce = next(self.sealing)
        header = kind + (len(plaintext) + TAG).to_bytes(4, "big")
        self.sock.sendall(header + cipher.encrypt(nonce, plaintext, header))

    def write_clear(self, kind: bytes, payload: bytes) -> None:
        frame = kind + len(payload).to_bytes(4, "big") + payload
        self.said += frame
        self.sock.sendall(frame)

    def end(self) -> None:
        """Closes our direction, and reads for a moment: what was said last has to arrive."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
            self.sock.settimeout(1)
            for _ in range(16):
                self.sock.recv(65536)

    def write_engine(self, kind: bytes, tls: SSL.Connection) -> None:
        with suppress(SSL.WantReadError):  # it has nothing more to say
            while True:
                self.write_clear(kind, tls.bio_read(wire.HANDSHAKE_FRAME))

    def read_engine(self, due: bytes, tls: SSL.Connection) -> Any:
        kind, payload = self.read(b"RSCI", due)
        if kind == b"SECE" and payload or kind == b"RSCI" and len(payload) > 1:
            tls.bio_write(payload)
        if kind == b"RSCI":
            with suppress(SSL.WantReadError):
                tls.recv(1)  # raises what an alert says
        require(kind == due, f"refused or not ready: {payload[:1]}")
        return payload

    def shake_hands(self, listens: bool) -> None:
        """Checks the certificate of the other side, and makes the keys."""
        tls = self.device.engine(listens)
        while True:
            try:
                tls.do_handshake()
                break
            except SSL.WantReadError:
                self.write_engine(b"SECE", tls)
                self.read_engine(b"SECE", tls)
            except Exception:  # the engine's, or ours in its callbacks: there is an alert
                self.write_engine(b"RSCI", tls)
                self.end()
                raise
        if not listens:  # all that a listener's engine writes now are tickets
            self.write_engine(b"SECE", tls)
        require(tls.get_alpn_proto_negotiated() == SUITE, "no suite was chosen")
        require(tls.get_group_name() in GROUPS, f"the group is {tls.get_group_name()}")
        self.other = other = tls.get_peer_certificate(as_cryptography=True)
        chain = tls.get_peer_cert_chain(as_cryptography=True) or []  # without a requester's own
        require(other and chain == ([] if listens else [other]), "not exactly one certificate")
        with suppress(SSL.WantReadError):
            require(not tls.recv(1), "data of TLS in the handshake")
        order = -1 if listens else 1  # the requester comes first
        certificates = [side.public_bytes(Encoding.DER) for side in (self.device.own, other)]
        context = wire.exporter_context(*certificates[::order], *(self.said, self.heard)[::order])
        self.sealing, self.opening = (wire.keys_from(
            tls.export_keying_material(b"EXPERIMENTAL orgshare v1 " + way, 32, context))
            for way in (b"r2l", b"l2r")[::order])
        self.alias, self.role = name(other, NameOID.COMMON_NAME), name(other, NameOID.TITLE)
        if listens:
            self.write(b"RSCV", encode(1, self.role, self.device.crl()[1]))
        else:
            require(self.read_engine(b"RSCV", tls)[0] == 1, "the version is unknown")
        self.handshake = False

    def get(self, path: str, out: Path) -> None:
        self.shake_hands(listens=False)
        self.write(b"RQFL", encode(path, WANTED))
        size, _, _, mode, algorithm = self.read(b"ERRO", b"FLIN")[1]
        require(algorithm == WANTED, "another digest than the one asked for")
        digest, left, chunks = DIGESTS[algorithm](), size, 0
        with (part := out.with_name(f"{out.name}.part")).open("wb") as file:
            while (frame := self.read(b"ERRO", b"RSFL", b"EOFL"))[0] == b"RSFL":
                left, chunks = left - len(frame[1]), chunks + 1
                require(left >= 0, "the file is longer than announced")
                digest.update(frame[1])
                file.write(frame[1])
            require(left == 0 and frame[1] == [size, algorithm, digest.digest()], "it is not whole")
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(part, out)
        self.write(b"ACKF", encode(0))
        self.write(b"GBYE")
        self.end()
        print(f"{self.alias} ({self.role}) sent {size} bytes in {chunks} chunks")

    def serve(self, folder: Path, chunk: int) -> None:
        """Answers one requester until it says goodbye."""
        outdated = self.device.crl()[0].next_update_utc.timestamp() <= time.time()
        if outdated or expired(self.device.own):
            self.write_clear(b"RSCI", b"\2" if outdated else b"\1")
            return self.end()
        self.shake_hands(listens=True)
        print(f"{self.alias} ({self.role}) is here", file=sys.stderr)
        unacknowledged = 0
        while (frame := self.read(b"RQFL", b"ACKF", b"GBYE"))[0] != b"GBYE":
            if frame[0] == b"ACKF":
                unacknowledged -= 1
                require(unacknowledged >= 0, "nothing is there to acknowledge")
            elif error := self.refusal(folder, *frame[1]):
                self.write(b"ERRO", encode(error))
            else:
                self.send(folder, chunk, *frame[1])
                unacknowledged += 1
        self.end()

    def refusal(self, folder: Path, path: str, algorithm: int) -> int:
        """The code of the error that a request is answered with, or 0."""
        file, serial = os.path.join(folder.resolve(), path), self.other.serial_number
        there = wire.is_path(path) and os.path.realpath(file) == file and os.path.exists(file)
        return next((code for code, applies in (
            (8, self.device.crl()[0].get_revoked_certificate_by_serial_number(serial)),
            (9, expired(self.other)), (10, algorithm not in DIGESTS),
            (1, not there), (2, os.path.isdir(file)), (3, not os.path.isfile(file))) if applies), 0)

    def send(self, folder: Path, chunk: int, path: str, algorithm: int) -> None:
        with (folder / path).open("rb") as file:
            about, digest = os.fstat(file.fileno()), DIGESTS[algorithm]()
            size, modified = about.st_size, divmod(about.st_mtime_ns, 10**9)
            self.write(b"FLIN", encode(size, *modified, about.st_mode & 0o777, algorithm))
            for left in range(size, 0, -chunk):
                data = file.read(min(chunk, left))
                digest.update(data)
                self.write(b"RSFL", data)
        self.write(b"EOFL", encode(size, algorithm, digest.digest()))


def main(command: str, *words: str) -> None:
    options = dict(zip(words[::2], words[1::2]))
    if command == "get":
        host, port, path, out = words[-4:]
        with socket.create_connection((host, int(port)), HANDSHAKE_SECONDS) as sock:
            return Session(sock, Device(options)).get(path, Path(out))
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"listening on {listener.getsockname()[1]}", file=sys.stderr)
    while True:
        try:
            with listener.accept()[0] as sock:
                Session(sock, Device(options)).serve(Path(words[-1]), int(options["--chunk"]))
        except Exception as error:  # whatever a requester does, the next one is served
            print(f"the connection failed: {error!r}", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
