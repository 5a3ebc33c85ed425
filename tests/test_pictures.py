"""Pictures are drawn anew: what is published is what is seen, and nothing else."""

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from fedicause.campaigning import pictures
from fedicause.campaigning.pictures import Unusable


def photo(path: Path, size: tuple[int, int] = (3000, 1500), **more: object) -> Path:
    image = Image.new("RGB", size, (20, 120, 40))
    # A red corner, to see which way is up.
    image.paste((250, 0, 0), (0, 0, size[0] // 10, size[1] // 10))
    image.save(path, **more)  # type: ignore[arg-type]
    return path


def test_a_large_photo_is_made_smaller(tmp_path: Path) -> None:
    picture = pictures.store(photo(tmp_path / "oak.jpg"), tmp_path / "media")
    assert (picture.media_type, picture.width, picture.height) == ("image/jpeg", 1600, 800)
    with Image.open(tmp_path / "media" / picture.name) as stored:
        assert stored.size == (1600, 800)
    assert [path.name for path in (tmp_path / "media").iterdir()] == [picture.name]


def test_a_small_photo_keeps_its_size_and_the_same_one_its_name(tmp_path: Path) -> None:
    once = pictures.store(photo(tmp_path / "oak.png", (300, 200)), tmp_path / "media")
    again = pictures.store(photo(tmp_path / "other.png", (300, 200)), tmp_path / "media")
    assert (once.width, once.height) == (300, 200)
    assert once == again
    pictures.remove(once.name, tmp_path / "media")
    pictures.remove(once.name, tmp_path / "media")
    assert list((tmp_path / "media").iterdir()) == []


def test_where_and_by_whom_a_photo_was_taken_is_not_published(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x013B] = "Alice Archer"
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[2] = (48.0, 12.0, 30.0)
    path = photo(tmp_path / "oak.jpg", (300, 200), exif=exif.tobytes(), comment=b"Alice was here")
    picture = pictures.store(path, tmp_path / "media")
    stored = (tmp_path / "media" / picture.name).read_bytes()
    assert b"Alice" in path.read_bytes()
    assert b"Alice" not in stored
    assert b"Exif" not in stored
    # It is turned as its camera said.
    assert (picture.width, picture.height) == (200, 300)
    with Image.open(io.BytesIO(stored)) as image:
        red = image.convert("RGB").getpixel((195, 5))
    assert isinstance(red, tuple)
    assert red[0] > 200


def test_what_is_seen_through_stays_so(tmp_path: Path) -> None:
    Image.new("RGBA", (40, 40), (200, 0, 0, 100)).save(tmp_path / "logo.png")
    Image.new("RGBA", (40, 40), (200, 0, 0, 255)).save(tmp_path / "full.png")
    assert pictures.store(tmp_path / "logo.png", tmp_path).media_type == "image/png"
    assert pictures.store(tmp_path / "full.png", tmp_path).media_type == "image/jpeg"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "I;16"])
def test_photos_of_every_kind_of_colour_are_drawn(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("oak.jpg" if mode == "CMYK" else "oak.png")
    Image.new(mode, (40, 30)).save(path)
    assert pictures.store(path, tmp_path / "media").width == 40


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a picture",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\xff\xd8\xff\xe0 and then nothing",
    ],
)
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "oak.jpg").write_bytes(content)
    with pytest.raises(Unusable, match=r"oak\.jpg: not a picture"):
        pictures.store(tmp_path / "oak.jpg", tmp_path / "media")


def test_a_missing_picture_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match=r"oak\.jpg: no such file"):
        pictures.store(tmp_path / "oak.jpg", tmp_path / "media")


def test_a_picture_that_swells_when_it_is_read_is_refused(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    chunks = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts]
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    with pytest.raises(Unusable):
        pictures.store(tmp_path / "bomb.png", tmp_path / "media")
