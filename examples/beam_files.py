"""Files of any kind that Beam reaches, and the notes in PNG files.

Paths are those of Beam: local ones, `gs://`, `s3://`, `hdfs://` and others.
"""

import contextlib
import json
import os
import re
import shutil
import struct
import tempfile
import uuid
import zlib

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

# Hidden, and away from the results: what a kill leaves there is in nobody's
# way, and removed by the next start.
PARTIAL = ".partial"
KEYWORD = b"keras_affsr"
PNG_START = b"\x89PNG\r\n\x1a\n"
HEADER = 33  # Bytes of a PNG before its second chunk.
NOTE = 4096  # Bytes of a PNG that hold all of a note.


def read(path, size=-1):
    """Returns the content of a file, or its first `size` bytes."""
    with FileSystems.open(path) as file:
        return file.read(size)


def write(path, contents, output_dir):
    """Writes a file, whole or not at all."""
    with _renamed(path, output_dir) as file:
        file.write(contents)


@contextlib.contextmanager
def written_locally(path, output_dir):
    """Gives a local path; what is written there goes to `path`, if all did."""
    with tempfile.TemporaryDirectory() as folder:
        local = os.path.join(folder, "file")
        yield local
        with open(local, "rb") as source, _renamed(path, output_dir) as target:
            shutil.copyfileobj(source, target)


@contextlib.contextmanager
def read_locally(path):
    """Gives the local path of a file, or of an unpacked copy of it."""
    if os.path.exists(path) and not is_packed(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        local = os.path.join(folder, "file")
        with FileSystems.open(path) as source, open(local, "wb") as target:
            shutil.copyfileobj(source, target)
        yield local


def is_packed(path):
    """Returns whether Beam unpacks a file of this name as it reads it."""
    kind = CompressionTypes.detect_compression_type(path)
    return kind != CompressionTypes.UNCOMPRESSED


def relative(path, folder):
    """Returns the part of a path below a folder, with slashes."""
    return path[len(folder.rstrip("/\\")) + 1 :].replace(os.sep, "/")


def png_of(name):
    """Returns the relative path of the PNG of an image file."""
    return os.path.splitext(name)[0] + ".png"


def unpacked(name):
    """Returns the name of a file of records without that of its packing."""
    return os.path.splitext(name)[0] if is_packed(name) else name


def delete(patterns):
    """Deletes what matches, if anything does."""
    for match in FileSystems.match(patterns):
        paths = [file.path for file in match.metadata_list]
        if paths:
            FileSystems.delete(paths)


def below(folder):
    """Returns a pattern that all files in a folder match, and below it.

    Beam has no way to write a `[` that stands for itself: files of folders of
    much the same name may match, too.
    """
    return FileSystems.join(re.sub(r"[*?\[\]]", "?", folder), "**")


def with_note(png, note):
    """Returns a PNG with a dict as a text in its header."""
    body = b"tEXt" + KEYWORD + b"\0" + json.dumps(note).encode("ascii")
    size = struct.pack(">I", len(body) - 4)
    check = struct.pack(">I", zlib.crc32(body))
    return png[:HEADER] + size + body + check + png[HEADER:]


def note_of(path):
    """Returns the note in a PNG file; None if there is no file, or no note."""
    if not FileSystems.exists(path):
        return None
    start = read(path, NOTE)
    kind = start[HEADER + 4 : HEADER + 9 + len(KEYWORD)]
    if not start.startswith(PNG_START) or kind != b"tEXt" + KEYWORD + b"\0":
        return None
    (size,) = struct.unpack(">I", start[HEADER : HEADER + 4])
    return json.loads(start[HEADER + 9 + len(KEYWORD) : HEADER + 8 + size])


@contextlib.contextmanager
def _renamed(path, output_dir):
    """Opens a file for writing that gets its name when all is written."""
    partial = FileSystems.join(output_dir, PARTIAL, uuid.uuid4().hex)
    with FileSystems.create(partial) as file:
        yield file
    folder = FileSystems.split(path)[0]
    # Object stores have no folders. Two workers may make one at once.
    with contextlib.suppress(OSError):
        FileSystems.mkdirs(folder)
    FileSystems.rename([partial], [path])
