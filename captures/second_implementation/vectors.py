"""Compares this with the test vectors of docs/PROTOCOL.md, section 8: `vectors.py FOLDER`."""
from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cbor2 import CBORDecodeError
from cryptography.exceptions import InvalidTag

from wire import (Failure, encode, expand, exporter_context, is_label, is_path, keys_from,
                  read_header, read_message, unseal)

KINDS = {"Grant": b"RSCV", "RequestFile": b"RQFL", "FileInfo": b"FLIN", "FileEnd": b"EOFL",
         "Acknowledge": b"ACKF", "Error": b"ERRO"}
NO_FIELDS = ("comment", "kind", "expect", "message", "bytes", "again")


class Vector:
    """The lines of one file, in order."""

    def __init__(self, file: Path) -> None:
        self.lines = [(key, value.strip()) for key, _, value in
                      (line.partition(":") for line in file.read_text("utf-8").splitlines())]

    def all(self, key: str) -> list[str]:
        return [value for found, value in self.lines if found == key]

    def __getitem__(self, key: str) -> str:
        return self.all(key)[0]

    def bytes(self, key: str) -> bytes:
        return bytes.fromhex(self[key])


def refuses(check: Callable[[str], bool], text: bytes) -> bool:
    try:
        return not check(text.decode())
    except UnicodeDecodeError:
        return True


def check_header(vector: Vector) -> bool:
    kind, length = read_header(vector.bytes("header"), vector["phase"] == "handshake")
    return (kind.decode(), str(length)) == (vector["type"], vector["length"])


def check_message(vector: Vector) -> bool:
    """The fields are in the order of their numbers; `again` is without what was ignored."""
    fields = read_message(KINDS[vector["message"]], vector.bytes("bytes"))
    expected = [value for key, value in vector.lines if key not in NO_FIELDS]
    written = [field.hex() if isinstance(field, bytes) else str(field) for field in fields]
    again = bytes.fromhex((vector.all("again") or vector.all("bytes"))[0])
    return written == expected and encode(*fields) == again


def check_record(vector: Vector) -> bool:
    keys = keys_from(vector.bytes("secret"))
    for _ in range(int(vector["preceding"])):
        next(keys)
    opened = []
    with suppress(Failure, InvalidTag):
        for frame in map(bytes.fromhex, vector.all("frame")):
            opened.append(unseal(keys, frame[:8], frame[8:]).hex())
    assert opened == vector.all("plaintext")
    return len(opened) == len(vector.all("frame"))


def check_key_schedule(vector: Vector) -> bool:
    secret = vector.bytes("secret")
    expected = {(b"key", 32): "key", (b"iv", 12): "iv", (b"upd", 32): "next"}
    return all(expand(secret, *what) == vector.bytes(key) for what, key in expected.items())


def check_context(vector: Vector) -> bool:
    parts = ("requester_certificate", "listener_certificate",
             "requester_frames", "listener_frames")
    return exporter_context(*map(vector.bytes, parts)).hex() == vector["context"]


CHECKS: dict[str, Callable[[Vector], bool]] = {
    "alias": lambda vector: not refuses(is_label, vector.bytes("text")),
    "org label": lambda vector: not refuses(lambda text: is_label(text, 63), vector.bytes("text")),
    "path": lambda vector: not refuses(is_path, vector.bytes("path")),
    "header": check_header, "message": check_message, "record": check_record,
    "key schedule": check_key_schedule, "exporter context": check_context,
}


def agrees(vector: Vector) -> bool:
    try:
        accepted = CHECKS[vector["kind"]](vector)
    except (Failure, CBORDecodeError):
        accepted = False
    except AssertionError:
        return False
    return accepted == (vector["expect"] in ("ok", "opens"))


def main(folder: Path) -> int:
    vectors = {file.name: Vector(file) for file in sorted(folder.glob("*.txt"))}
    known = {name: vector for name, vector in vectors.items() if vector["kind"] in CHECKS}
    wrong = [name for name, vector in known.items() if not agrees(vector)]
    others = len(vectors) - len(known)
    right = len(known) - len(wrong)
    print(f"{right} of {len(known)} vectors agree; {others} are about other things")
    for name in wrong:
        print(f"does not agree: {name}", file=sys.stderr)
    return 1 if wrong or not known else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
