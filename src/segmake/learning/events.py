"""Scalars as TensorBoard reads them, without needing TensorBoard to write them.

An event file is a sequence of TFRecords (length, checksum, protocol buffer, checksum; the checksums are
masked CRC-32C of RFC 3720), each holding a tensorflow.Event.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

POLYNOMIAL = 0x82F63B78
VERSION = b"brain.Event:2"
START = b"\x08\x01"
"""SessionLog that says: what was told of this step and later ones is void."""


class EventFile:
    """One new event file in a folder; the first thing in it voids older events from `step` on."""

    def __init__(self, folder: Path, step: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        number = len(list(folder.glob("events.out.tfevents.*")))
        name = f"events.out.tfevents.{time.time():010.0f}.{number:06d}"  # TensorBoard reads in order of name
        self.stream: BinaryIO = (folder / name).open("xb")
        self._write(0, _field(3, VERSION))
        self._write(step, _field(7, START))

    def add(self, step: int, scalars: Mapping[str, float]) -> None:
        """Write the scalars of a step and hand them to the system, so that TensorBoard sees them."""
        values = [_field(1, name.encode()) + b"\x15" + struct.pack("<f", x) for name, x in scalars.items()]
        self._write(step, _field(5, b"".join(_field(1, value) for value in values)))

    def close(self) -> None:
        """Close the file."""
        self.stream.close()

    def _write(self, step: int, body: bytes) -> None:
        event = b"\x09" + struct.pack("<d", time.time()) + b"\x10" + _varint(step) + body
        self.stream.write(record(event))
        self.stream.flush()


def record(data: bytes) -> bytes:
    """One TFRecord."""
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli) checksum."""
    value = 0xFFFFFFFF
    for byte in data:
        value = TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (POLYNOMIAL if byte & 1 else 0)
    return byte


TABLE = [_entry(byte) for byte in range(256)]


def _masked(data: bytes) -> bytes:
    value = crc32c(data)
    return struct.pack("<I", (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def _varint(number: int) -> bytes:
    """Base-128 number of a protocol buffer, lowest digits first."""
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*digits, number])


def _field(number: int, content: bytes) -> bytes:
    """Length-delimited field of a protocol buffer."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content
