"""What an organisation signs of the files that it hands over: their checksums, and what they add up to."""

import copy
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from federation import vocabulary
from federation.vocabulary import Malformed

TYPE: Final = "fc:Handover"
CSV, PDF = "text/csv", "application/pdf"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class File(Struct, frozen=True):
    """A file by its SHA-256, in hexadecimal; `size` in bytes."""

    name: str
    media_type: str
    digest: str
    size: int


class Handover(Struct, frozen=True):
    """What such a document says. `signatures` are the lines of the CSV."""

    id: str
    author: str
    campaign: str
    title: str
    published: str
    signatures: int
    files: Mapping[str, File]
    """By media type."""


def build(
    *,
    id: str,
    author: str,
    campaign: str,
    title: str,
    published: datetime,
    signatures: int,
    support: Mapping[str, int],
    files: Sequence[File],
    tallies: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """The document without its proof."""
    return {
        "@context": copy.deepcopy(vocabulary.PROVEN_CONTEXT),
        "id": id,
        "type": TYPE,
        "attributedTo": author,
        "fc:campaign": campaign,
        "name": title,
        "published": vocabulary.timestamp(published),
        "fc:signatures": signatures,
        "fc:support": dict(support),
        "fc:files": [
            {
                "name": file.name,
                "mediaType": file.media_type,
                "fc:sha256": file.digest,
                "fc:size": file.size,
            }
            for file in files
        ],
        "fc:tallies": [dict(tally) for tally in tallies],
    }


def read(document: object) -> Handover:
    """What a document says; raises Malformed. Whether it is true its proof must show."""
    if not isinstance(document, dict) or document.get("type") != TYPE:
        raise Malformed("no handover")
    files = document.get("fc:files")
    signatures = document.get("fc:signatures")
    if not isinstance(files, list) or not files or not isinstance(signatures, int):
        raise Malformed("a handover without files")
    found: dict[str, File] = {}
    for file in files:
        if not isinstance(file, dict):
            raise Malformed("a file that is none")
        read_file = File(
            _text(file, "name"),
            _text(file, "mediaType"),
            _text(file, "fc:sha256"),
            _size(file.get("fc:size", 0)),
        )
        if not _DIGEST.fullmatch(read_file.digest) or read_file.media_type in found:
            raise Malformed("a file without one checksum")
        found[read_file.media_type] = read_file
    return Handover(
        id=_text(document, "id"),
        author=_text(document, "attributedTo"),
        campaign=_text(document, "fc:campaign"),
        title=_text(document, "name"),
        published=_text(document, "published"),
        signatures=signatures,
        files=found,
    )


def _size(value: object) -> int:
    if type(value) is not int or value < 0:
        raise Malformed("a file without a size")
    return value


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise Malformed(f"a handover without {name}")
    return value
