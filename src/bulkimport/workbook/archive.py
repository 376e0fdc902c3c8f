"""The zip archive that a workbook is, within limits: its parts by name, and the type of each."""

import os
import zipfile
from typing import IO, BinaryIO

from bulkimport.errors import Refusal
from bulkimport.workbook.limits import Limits, damaged, too_large

MAX_READ_BYTES = (
    1024**2
)  # at a time: the directory is read at once, and zipfile makes objects of ten times the size
ENCRYPTED = 0x1  # the flag's bit (APPNOTE.TXT, section 4.4.4)


class Archive:
    """The parts of a workbook. The case of their names does not matter (ECMA-376 part 2, section 9.1.1)."""

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        """Read the directory of a seekable file. Raises Refusal if it is not an archive, or is too large."""
        self._limits = limits
        try:
            self._zip = zipfile.ZipFile(_Directory(file))
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, OverflowError) as error:
            raise damaged("its zip archive cannot be read, or is cut off") from error
        self._parts = {_key(part.filename): part for part in self._zip.infolist()}
        # So a size that a part only claims to have in the archive cannot make its compression look harmless.
        if sum(part.compress_size for part in self._parts.values()) > file.seek(0, os.SEEK_END):
            raise damaged("the parts of its zip archive overlap")

    def __contains__(self, name: str) -> bool:
        return _key(name) in self._parts

    def names(self) -> list[str]:
        """The names of all parts, in lower case."""
        return list(self._parts)

    def open(self, name: str, *, large: bool = False) -> IO[bytes]:
        """A part as a stream, which ends at the size that the directory says, whatever follows.

        Only a `large` part may have the size of a worksheet. Raises Refusal if it is missing or too large.
        """
        part = self._parts.get(_key(name))
        if part is None:
            raise damaged(f'its part "{name[:100]}" is missing')
        self._require_harmless(part, self._limits.part_bytes if large else self._limits.other_part_bytes)
        try:
            return self._zip.open(part)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, RuntimeError) as error:
            raise damaged("its zip archive cannot be read") from error

    def _require_harmless(self, part: zipfile.ZipInfo, max_bytes: int) -> None:
        if part.flag_bits & ENCRYPTED:
            raise Refusal("not-csv", "This Excel workbook is encrypted; save it without a password.")
        if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise damaged("it is compressed in a way that spreadsheet programs do not use")
        if part.file_size > max_bytes:
            raise too_large(
                f'has a part of {part.file_size} bytes, "{part.filename[:100]}"; at most {max_bytes} are read'
            )
        limits = self._limits
        if part.file_size > max(limits.ratio_from_bytes, limits.ratio * part.compress_size):
            raise too_large(f"is compressed to less than 1/{limits.ratio} of its size, as no table is")


class _Directory:
    """A file that refuses to read a directory of too many parts, before zipfile makes objects of them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(min(size, MAX_READ_BYTES + 1) if size >= 0 else MAX_READ_BYTES + 1)
        if len(data) > MAX_READ_BYTES:
            raise too_large("has too many parts")
        return data

    def seekable(self) -> bool:
        return True


def _key(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()
