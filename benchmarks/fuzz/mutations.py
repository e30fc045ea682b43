"""What is done to a good file: each change is drawn from a seeded generator."""

import io
import json
import random
import re
import struct
import warnings
import zipfile
from typing import Any

from benchmarks.fuzz.good_files import CHECKSUM, LENGTH, NAMES, PLACES, Format

# Numbers that lengths, offsets and counts are replaced by.
LIES = (0, 1, 2, 127, 255, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, -1)
SIZES = {1: "B", 2: "H", 4: "I", 8: "Q"}
MOST_FLIPS = 4
MOST_APPENDED = 64


def flip_bits(content: bytes, generator: random.Random) -> bytes:
    """Flip a few bits anywhere."""
    changed = bytearray(content)
    for _ in range(generator.randint(1, MOST_FLIPS)):
        changed[generator.randrange(len(changed))] ^= 1 << generator.randrange(8)
    return bytes(changed)


def flip_at_an_end(content: bytes, generator: random.Random) -> bytes:
    """Flip bits in the first or last bytes, where headers and footers are."""
    room = min(len(content) // 2, 600)
    start, rest = content[:room], content[room:]
    if generator.random() < 0.5:
        return flip_bits(start, generator) + rest
    rest, end = content[:-room], content[-room:]
    return rest + flip_bits(end, generator)


def truncate(content: bytes, generator: random.Random) -> bytes:
    """Cut the end off, or leave a part out."""
    start = generator.randrange(len(content))
    if generator.random() < 0.7:
        return content[:start]
    end = generator.randint(start + 1, len(content))
    return content[:start] + content[end:]


def append(content: bytes, generator: random.Random) -> bytes:
    """Add bytes at the end, or the same file once more."""
    if generator.random() < 0.3:
        return content + content
    return content + generator.randbytes(generator.randint(1, MOST_APPENDED))


def lie_about_a_number(content: bytes, generator: random.Random) -> bytes:
    """Replace a number of the file by another one; most often a small one."""
    size = generator.choice([1, 2, 4, 4, 8, 8])
    places = [
        at
        for at in range(0, len(content) - size, min(size, 4))
        if not any(content[at + size // 2 : at + size]) and content[at]
    ]
    at = generator.choice(places or range(len(content) - size))
    lie = generator.choice(LIES) % 256**size
    return content[:at] + struct.pack(f"<{SIZES[size]}", lie) + content[at + size :]


def lie_about_digits(content: bytes, generator: random.Random) -> bytes:
    """Replace a number in text, as in headers, by another one of the same width."""
    found = list(re.finditer(rb"\d+", content[:4096])) or [re.match(b"", content)]
    at = generator.choice(found)
    width = len(at[0])
    lie = generator.choice([b"9" * width, b"0" * width, b"1".rjust(width, b"0")])
    return content[: at.start()] + lie + content[at.end() :]


def repeat_a_member(content: bytes, generator: random.Random) -> bytes:
    """Have a name twice, with other content: of an archive, or of a JSON header."""
    if content.startswith(b"PK"):
        return _repeat_in_archive(content, generator)
    (length,) = struct.unpack("<Q", content[:8])
    header, data = content[8 : 8 + length].rstrip(), content[8 + length :]
    entries = {k: v for k, v in json.loads(header).items() if k != "__metadata__"}
    name = generator.choice(sorted(entries))
    # The same tensor read as whole numbers.
    entry = json.dumps({name: entries[name] | {"dtype": "I32"}}).encode()
    header = header[:-1] + b"," + entry[1:]
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + data


def _repeat_in_archive(content: bytes, generator: random.Random) -> bytes:
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as archive,
        zipfile.ZipFile(stream, "w") as copy,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        members = {info.filename: archive.read(info) for info in archive.infolist()}
        data = [name for name in members if len(members[name]) > 8]
        for name, member in members.items():
            copy.writestr(name, member)
        name = generator.choice(data)
        changed = bytearray(members[name])
        changed[-1 - generator.randrange(4)] ^= 1
        copy.writestr(name, bytes(changed))
    return stream.getvalue()


def lie_about_a_place(content: bytes, generator: random.Random) -> bytes:
    """Point beyond the end: with an index, an end of a row, or a code of a category."""
    import h5py

    stream = io.BytesIO(content)
    with h5py.File(stream, "r+") as file:
        arrays = ["X/indices", "X/indptr"]
        arrays += [
            f"obs/{name}/codes" for name in file["obs"] if _has_codes(file, name)
        ]
        array = file[generator.choice(arrays)]
        # The first end, which is 0, may be nothing else.
        at = generator.randrange(len(array))
        bits = 8 * array.dtype.itemsize - 1
        array[at] = generator.choice([2**bits - 1, 2 ** (bits - 1), -(2**bits), -2])
    return stream.getvalue()


def _has_codes(file: Any, name: str) -> bool:
    return hasattr(file["obs"][name], "keys") and "codes" in file["obs"][name]


# Change -> what a format must be able to tell for an altered content to be wrong; None:
# what the file then says is its content.
MUTATIONS = {
    flip_bits: CHECKSUM,
    flip_at_an_end: CHECKSUM,
    truncate: LENGTH,
    append: LENGTH,
    lie_about_a_number: CHECKSUM,
    lie_about_digits: CHECKSUM,
    repeat_a_member: NAMES,
    lie_about_a_place: PLACES,
}
# What is done to files of every format.
BASIC = {CHECKSUM, LENGTH}


def mutate(kind: Format, good: bytes, number: int) -> tuple[str, bytes, bool]:
    """Case of a format: name of the change, content, whether the format can tell."""
    generator = random.Random(f"{kind.name} {number}")
    known = [m for m, tells in MUTATIONS.items() if tells in {*BASIC, *kind.tells}]
    change = generator.choice(known)
    return change.__name__, change(good, generator), MUTATIONS[change] in kind.tells
