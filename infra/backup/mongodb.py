"""A copy of the database in one file, and back: `mongodb.py dump`, `mongodb.py restore`.

URI: the replica set, with an account that may back up (restore: write). DATABASE (ims).
dump:    TO: a folder; the copy is TO/mongodb/ims-<time>.bson.gz. KEEP (14): how many stay. All collections are read at
         one moment of the replica set (SNAPSHOT=0: each when its turn comes, for servers that have no snapshots).
restore: FROM: the folder, the newest copy in it is taken; or ARCHIVE: a file. The target must hold no collection.

The file is gzip over frames: a letter, then BSON. H what it is; C a collection, its options and indexes; D a document;
E how many there were. A file without its E is not whole, and is refused before anything is written.
A dump that dies leaves a .part, which the next one removes. A restore that dies leaves a half-filled database, which
the next one refuses: drop it first.
"""

from __future__ import annotations

import gzip
import os
import struct
import sys
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient, ReadPreference

RAW: CodecOptions[Any] = CodecOptions(document_class=RawBSONDocument)
FORMAT = 1
BATCH = 1000
SMALLEST, LARGEST = 5, 17 * 2**20
"""Bytes of a BSON document: an empty one, and what MongoDB takes with room for its own."""
INTERNAL = ("system.",)
Frame = tuple[bytes, bytes]


def dump(env: dict[str, str]) -> Path:
    """Write a copy; the path is there only when it is whole and on the disk."""
    folder = Path(env["TO"]) / "mongodb"
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("*.part"):
        left.unlink()
    path = folder / f"ims-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.bson.gz"
    part = path.with_suffix(".gz.part")
    try:
        with part.open("wb") as file:
            with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1, mtime=0) as stream:
                for kind, data in copied(env):
                    stream.write(kind + data)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    for old in sorted(folder.glob("ims-*.bson.gz"))[: -int(env.get("KEEP", "14"))]:
        old.unlink()
    return path


def copied(env: dict[str, str]) -> Iterator[Frame]:
    """The database as frames."""
    name = env.get("DATABASE", "ims")
    with MongoClient[Any](env["URI"]) as client:
        database = client.get_database(name, read_preference=ReadPreference.SECONDARY_PREFERRED)
        snapshot = env.get("SNAPSHOT", "1") != "0"
        collections = documents = 0
        yield b"H", bson.encode({"format": FORMAT, "database": name, "at": datetime.now(UTC), "snapshot": snapshot})
        with client.start_session(snapshot=snapshot) as session:
            for about in sorted(database.list_collections(), key=lambda c: str(c["name"])):
                if about["name"].startswith(INTERNAL) or about.get("type", "collection") != "collection":
                    continue
                collection = database.get_collection(about["name"], codec_options=RAW)
                indexes = list(database[about["name"]].list_indexes())
                yield b"C", bson.encode({"name": about["name"], "options": about["options"], "indexes": indexes})
                collections += 1
                for document in collection.find(session=session if snapshot else None, batch_size=BATCH):
                    documents += 1
                    yield b"D", document.raw
        yield b"E", bson.encode({"collections": collections, "documents": documents})


def frames(path: Path) -> Iterator[Frame]:
    """The frames of a file."""
    with gzip.open(path, "rb") as stream:
        while kind := stream.read(1):
            yield kind, _document(stream)


def _document(stream: Any) -> bytes:
    head: bytes = stream.read(4)
    (size,) = struct.unpack("<i", head)
    if not SMALLEST <= size <= LARGEST:
        raise EOFError("a frame has an impossible size")
    rest: bytes = stream.read(size - 4)
    return head + rest


def checked(path: Path) -> dict[str, Any]:
    """The end of a file that is whole; ValueError otherwise."""
    counts, first = {b"C": 0, b"D": 0}, True
    end: dict[str, Any] | None = None
    try:
        for kind, data in frames(path):
            if first and (kind != b"H" or bson.decode(data)["format"] != FORMAT):
                raise ValueError(f"{path} is not a copy of format {FORMAT}")
            first = False
            end = bson.decode(data) if kind == b"E" else None
            if kind in counts:
                counts[kind] += 1
    except (EOFError, OSError, struct.error, zlib.error, bson.errors.BSONError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    if end is None or (end["collections"], end["documents"]) != (counts[b"C"], counts[b"D"]):
        raise ValueError(f"{path} is not whole")
    return end


def restore(env: dict[str, str]) -> tuple[Path, dict[str, Any]]:
    """Fill an empty database from a copy: documents first, then indexes."""
    path = Path(env["ARCHIVE"]) if env.get("ARCHIVE") else newest(Path(env["FROM"]) / "mongodb")
    end = checked(path)
    with MongoClient[Any](env["URI"], w="majority") as client:
        database = client.get_database(env.get("DATABASE", "ims"))
        if there := database.list_collection_names():
            raise ValueError(f"the target holds {', '.join(sorted(there))}: drop the database first")
        indexes: list[tuple[Any, list[dict[str, Any]]]] = []
        batch: list[RawBSONDocument] = []
        collection: Any = None
        for kind, data in frames(path):
            if batch and (kind != b"D" or len(batch) == BATCH):
                collection.insert_many(batch)
                batch = []
            if kind == b"C":
                about = bson.decode(data)
                collection = database.create_collection(about["name"], **about["options"])
                indexes.append((collection, about["indexes"]))
            elif kind == b"D":
                batch.append(RawBSONDocument(data))
        for collection, wanted in indexes:
            for index in wanted:
                build(collection, index)
    return path, end


def build(collection: Any, index: dict[str, Any]) -> None:
    """One index as it was; that of _id is there already."""
    if index["name"] != "_id_":
        options = {key: value for key, value in index.items() if key not in ("v", "ns", "key")}
        collection.create_index(list(index["key"].items()), **options)


def newest(folder: Path) -> Path:
    """The latest copy in a folder."""
    found = sorted(folder.glob("ims-*.bson.gz"))
    if not found:
        raise ValueError(f"there is no copy in {folder}")
    return found[-1]


def main(words: list[str], env: dict[str, str]) -> None:
    """Do it, and say what was done."""
    if words == ["dump"]:
        path = dump(env)
        end = checked(path)
        print(f"{path}: {path.stat().st_size} bytes, {end['documents']} documents of {end['collections']} collections")
    elif words == ["restore"]:
        path, end = restore(env)
        print(f"restored {path}: {end['documents']} documents of {end['collections']} collections")
    else:
        sys.exit("mongodb.py dump | restore")


if __name__ == "__main__":
    try:
        main(sys.argv[1:], dict(os.environ))
    except (KeyError, ValueError) as error:
        sys.exit(f"✗ {error}")
