"""Pictures of campaigns: drawn anew from what was given, so that nothing but what is seen is published."""

import asyncio
import hashlib
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from msgspec import Struct

from federation import lazily
from fedicause import files

if TYPE_CHECKING:
    from PIL import Image

Given = ParamSpec("Given")
Drawn = TypeVar("Drawn")

WIDTH: Final = 1600
HEIGHT: Final = 2400
FILE_LENGTH: Final = 25 * 1024 * 1024
PIXELS: Final = 60_000_000
FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF")


class Unusable(ValueError):
    """A file is no picture that can be shown; the text names it."""


class Picture(Struct, frozen=True):
    """A stored picture: its file name under the media directory, what it is, its size in pixels."""

    name: str
    media_type: str
    width: int
    height: int


def store(path: Path, media: Path) -> Picture:
    """Keeps the picture in this file (see `keep`); raises Unusable."""
    return keep(_read(path), path, media)


def keep(original: bytes, path: Path, media: Path, *, pixels: int = PIXELS) -> Picture:
    """Draws the picture anew at most 1600 pixels wide, without metadata, into `media`; raises Unusable.

    The name is made of the content: it never means another picture, and storing twice is storing once.
    `path` is for messages; `pixels` is how many the original may have.
    """
    data, picture = draw(original, path, pixels=pixels)
    media.mkdir(parents=True, exist_ok=True)
    target = media / picture.name
    if not target.exists():
        # Whole or not at all: the web server may be reading.
        files.write(target, data, mode=0o644)
    return picture


async def in_thread(work: Callable[Given, Drawn], *given: Given.args, **named: Given.kwargs) -> Drawn:
    """What work on pictures gives, done in a thread; Pillow is brought in before."""
    await lazily.load("PIL.Image")
    return await asyncio.to_thread(work, *given, **named)


def look(name: str, media: Path) -> Picture:
    """The picture that is stored under this name; raises Unusable where none is."""
    from PIL import Image  # noqa: PLC0415

    try:
        with Image.open(media / name, formats=("JPEG", "PNG")) as opened:
            kind = opened.format or "JPEG"
            return Picture(name, f"image/{kind.lower()}", opened.width, opened.height)
    except (OSError, ValueError) as error:
        raise Unusable(f"{name}: no stored picture") from error


def adopt(name: str, waiting: Path, media: Path) -> bool:
    """Copies a picture from where it waited; False where it is there already."""
    if (media / name).exists():
        return False
    media.mkdir(parents=True, exist_ok=True)
    files.write(media / name, (waiting / name).read_bytes(), mode=0o644)
    return True


def sweep(waiting: Path, *, before: float) -> None:
    """Removes what has waited since before a time (seconds since 1970) and was never adopted."""
    if waiting.is_dir():
        for path in waiting.iterdir():
            if path.is_file() and path.stat().st_mtime < before:
                path.unlink(missing_ok=True)


def remove(name: str, media: Path) -> None:
    """Removes a stored picture, if it is there."""
    (media / name).unlink(missing_ok=True)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > FILE_LENGTH:
            raise Unusable(f"{path}: the picture has more than {FILE_LENGTH // 1024**2} MB")
        return path.read_bytes()
    except OSError as error:
        raise Unusable(f"{path}: {(error.strerror or 'cannot be read').lower()}") from error


def draw(
    original: bytes, path: Path, *, pixels: int = PIXELS, within: tuple[int, int] = (WIDTH, HEIGHT)
) -> tuple[bytes, Picture]:
    """The file to publish, drawn `within` so many pixels, and what it is; `path` is for messages.

    Raises Unusable.
    """
    # Decoders are a large part of the memory of a process that may never see a picture.
    from PIL import Image, ImageOps  # noqa: PLC0415

    try:
        with warnings.catch_warnings():
            # Pillow only warns up to twice its own limit; ours is below that.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(original), formats=FORMATS) as opened:
                if opened.width * opened.height > pixels:
                    raise Unusable(f"{path}: the picture has more than {pixels // 1_000_000} million pixels")
                opened.load()
                image = _plain(ImageOps.exif_transpose(opened), opened.info.get("icc_profile"))
    except Unusable:
        raise
    # Damaged files make Pillow's decoders raise nearly anything.
    except Exception as error:
        raise Unusable(f"{path}: not a picture (JPEG, PNG, WebP or GIF), or a damaged one") from error
    image.thumbnail(within, Image.Resampling.LANCZOS)
    output = io.BytesIO()
    if image.mode == "RGBA":
        image.save(output, "PNG", optimize=True)
        ending, media_type = "png", "image/png"
    else:
        image.save(output, "JPEG", quality=85, optimize=True, progressive=True)
        ending, media_type = "jpg", "image/jpeg"
    data = output.getvalue()
    name = f"{hashlib.sha256(data).hexdigest()[:24]}.{ending}"
    return data, Picture(name, media_type, image.width, image.height)


def _plain(image: "Image.Image", profile: bytes | None) -> "Image.Image":
    """The picture in sRGB without any metadata: RGBA if something shows through it, else RGB."""
    from PIL import Image, ImageCms  # noqa: PLC0415

    seen_through = image.has_transparency_data
    plain = image.convert("RGBA" if seen_through else "RGB")
    if seen_through and plain.getchannel("A").getextrema() == (255, 255):
        plain = plain.convert("RGB")
    if profile and image.mode == "RGB":
        # Telephones write wide-gamut colours, which look dull when read as sRGB.
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(plain, source, ImageCms.createProfile("sRGB"))
            plain = converted or plain
        except ImageCms.PyCMSError:
            pass
    bare = Image.new(plain.mode, plain.size)
    bare.paste(plain)
    return bare
