"""Compressed files, opened with a limit: truncated, oversized and oddly built ones are refused before anything is read."""

from __future__ import annotations

import gzip
import io
import stat
import zipfile
import zlib
from pathlib import PurePosixPath

from estate.errors import LandingRefused

GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"
# Public rolls of a whole county stay below 1 GiB. Text compresses 5 to 40 times; a bomb does so a thousand times.
UNPACKED_LIMIT = 1 << 30
RATIO_LIMIT = 200
SMALL = 64 << 20  # below this the ratio is of no concern
_BLOCK = 1 << 20


def unpacked(data: bytes) -> bytes:
    """`data` without its gzip compression, if it has one.

    Raises LandingRefused when the archive is truncated, damaged or unpacks to more than the limit.
    """
    if not data.startswith(GZIP_MAGIC):
        return data
    blocks: list[bytes] = []
    size = 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as archive:
            while block := archive.read(_BLOCK):
                size += len(block)
                _check_size(size, len(data))
                blocks.append(block)
    except EOFError:
        raise LandingRefused(
            f"the gzip file ends after {size:,} unpacked bytes, before its end mark", remedy="It was cut off on the way: send it again."
        ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise LandingRefused(f"the gzip file is damaged ({error})", remedy="Send it again, or send the file uncompressed.") from None
    return b"".join(blocks)


def check_zip(data: bytes, what: str) -> tuple[str, ...]:
    """The member names of a ZIP archive that is safe to read.

    `what` names the file in the message. Raises LandingRefused when it is no ZIP archive, is damaged, holds links or paths
    that lead outside, or unpacks to more than the limit.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            _check_members(members)
            _check_size(sum(member.file_size for member in members), len(data))
            # The sizes in the directory are only claims; reading every member holds the archive to them and to its checksums.
            damaged = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise LandingRefused(f"the file is not a readable {what} ({error})", remedy=f"Send the {what} again.") from None
    if damaged is not None:
        raise LandingRefused(f"the {what} is damaged: {damaged} does not match its checksum", remedy="Send it again.")
    return tuple(member.filename for member in members)


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if stat.S_ISLNK(member.external_attr >> 16):
            raise LandingRefused(f"the archive holds a symbolic link ({member.filename})", remedy="Pack the files themselves, not links.")
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise LandingRefused(f"the archive holds a path that leads outside ({member.filename})", remedy="Pack plain file names.")


def _check_size(unpacked_size: int, packed_size: int) -> None:
    if unpacked_size > UNPACKED_LIMIT or unpacked_size > max(SMALL, RATIO_LIMIT * packed_size):
        raise LandingRefused(
            f"the file unpacks to more than {min(UNPACKED_LIMIT, max(SMALL, RATIO_LIMIT * packed_size)):,} bytes",
            remedy="Split it by county or year; a file that shrinks more than 200 times is taken for a decompression bomb.",
        )
