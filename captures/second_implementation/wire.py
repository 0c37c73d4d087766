"""docs/PROTOCOL.md: frames (section 1), record layer (4), messages (5), remote paths (7)."""
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

TYPES = b"SECE RSCV RSCI RQFL FLIN RSFL EOFL ACKF ERRO KEEP GBYE".split()
HANDSHAKE_FRAME, CHUNK_FRAME, CONTROL_FRAME, EPOCH_FRAMES, DEEPEST = 16384, 1048608, 65536, 1024, 4
HIDDEN = re.compile("[\0-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
                    "\U000e0000-\U000e007f\\\\:]")
RESERVED = re.compile("(CON|PRN|AUX|NUL|CONIN[$]|CONOUT[$]|(COM|LPT)[1-9¹²³])", re.I | re.A)


class Failure(Exception):
    """Why a connection ends before its time."""


def require(condition: object, otherwise: str) -> None:
    if not condition:
        raise Failure(otherwise)


def is_label(text: Any, longest: int = 32) -> bool:
    return (isinstance(text, str) and len(text) <= longest
            and re.fullmatch("[a-z]([a-z0-9-]*[a-z0-9])?", text) is not None)


def is_path(path: str) -> bool:
    return len(path.encode()) <= 4096 and not any(
        not name or name[-1] in ". " or len(name.encode()) > 255 or HIDDEN.search(name)
        or RESERVED.fullmatch(name.split(".")[0].rstrip()) for name in path.split("/"))


# Of each field, by its number: the range of an integer, or whether anything else fits.
FIELDS: dict[bytes, list[Any]] = {
    b"RSCV": [range(2**32), is_label, range(2**64)],
    b"RQFL": [lambda path: isinstance(path, str) and len(path.encode()) <= 4096, range(256)],
    b"FLIN": [range(2**63), range(-2**63, 2**63), range(10**9), range(0o1000), range(2)],
    b"EOFL": [range(2**63), range(2), lambda digest: type(digest) is bytes and len(digest) == 32],
    b"ACKF": [range(2)], b"ERRO": [range(65536)],
}


def encode(*fields: int | str | bytes) -> bytes:
    return cbor2.dumps(dict(enumerate(fields)))


def is_allowed(item: Any, depth: int = 0) -> bool:
    """Whether section 5 has such items: cbor2 takes more, and makes whatever it likes of tags."""
    if type(item) in (dict, list):
        keys, values = (item.keys(), item.values()) if type(item) is dict else ((), item)
        return (depth <= DEEPEST and all(type(key) is int and 0 <= key < 2**64 for key in keys)
                and all(is_allowed(value, depth + 1) for value in values))
    return depth <= DEEPEST and (item is None or type(item) in (bool, bytes, str)
                                 or type(item) is int and -2**63 <= item < 2**64)


def read_message(kind: bytes, data: bytes) -> list[Any]:
    message = cbor2.loads(data, max_depth=DEEPEST + 1)
    require(type(message) is dict and is_allowed(message)
            and cbor2.dumps(message, canonical=True) == data, "a message is not one strict map")
    fields = [message.get(number) for number in range(len(FIELDS[kind]))]
    for value, rule in zip(fields, FIELDS[kind]):
        fits = rule(value) if callable(rule) else type(value) is int and value in rule
        require(fits, f"a field of {kind!r} is missing or wrong")
    return fields


def read_header(header: bytes, handshake: bool) -> tuple[bytes, int]:
    kind, length = header[:4], int.from_bytes(header[4:], "big")
    limit = HANDSHAKE_FRAME if handshake else CHUNK_FRAME if kind == b"RSFL" else CONTROL_FRAME
    require(kind in TYPES and length <= limit, f"{kind!r} of {length} bytes is no frame")
    return kind, length


def exporter_context(*parts: bytes) -> bytes:
    """Of the certificates of requester and listener, and the frames of both."""
    return sha256(b"orgshare/1" + b"".join(sha256(part).digest() for part in parts)).digest()


def expand(secret: bytes, label: bytes, length: int) -> bytes:
    full = b"orgshare/1 " + label
    info = length.to_bytes(2, "big") + bytes([len(full)]) + full + b"\0"
    return HKDFExpand(SHA256(), length, info).derive(secret)


def keys_from(secret: bytes) -> Iterator[tuple[AESGCM, bytes]]:
    """Cipher and nonce of every frame of one direction."""
    while True:
        cipher = AESGCM(expand(secret, b"key", 32))
        iv = int.from_bytes(expand(secret, b"iv", 12), "big")
        for seq in range(EPOCH_FRAMES):
            yield cipher, (iv ^ seq).to_bytes(12, "big")
        secret = expand(secret, b"upd", 32)


def unseal(keys: Iterator[tuple[AESGCM, bytes]], header: bytes, payload: bytes) -> bytes:
    require(header[:4] not in (b"SECE", b"RSCI"), "a frame of the handshake after it")
    cipher, nonce = next(keys)
    return cipher.decrypt(nonce, payload, header)
