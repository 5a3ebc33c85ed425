"""Draws the picture that stands for a campaign where its address is posted."""

import io
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from fedicause.web import art, outlines
from fedicause.web.lettering import Block, Case

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

WIDTH: Final = 1200
HEIGHT: Final = 630

# Three columns of the drawing fill the right side from top to bottom.
_ART: Final = HEIGHT * 3 // 4
_LEFT: Final = 64
_WORDS: Final = WIDTH - _ART - _LEFT - 48
_BOTTOM: Final = HEIGHT - 60
_TITLE_TOP: Final = 116
_GROUND: Final = "#2b1046"
_INK: Final = "#fff9ee"
_SOFT: Final = "#d6c7ea"
_SUN: Final = "#ffc53d"
_DONE: Final = "#58d6a6"
_GROOVE: Final = "#4a2c69"
# Edges are drawn larger and then made smaller.
_FINE: Final = 2


class Face(Struct, frozen=True):
    """All that is seen: two cards with the same face are the same picture.

    `number` is empty where nobody knows it, `percent` None where there is no bar. `picture` is the name of a
    stored file; without it the drawing of `slug` is shown.
    """

    organisation: str
    kind: str
    title: str
    number: str
    noun: str
    percent: int | None
    towards: str
    reached: bool
    picture: str | None
    slug: str


def draw(face: Face, media: Path) -> bytes:
    """A PNG of WIDTH by HEIGHT. It takes a while: for a thread."""
    from PIL import Image, ImageDraw  # noqa: PLC0415 - a process that nobody asks for one needs no Pillow

    image = Image.new("RGB", (WIDTH, HEIGHT), _GROUND)
    photograph = _photograph(media / face.picture) if face.picture else None
    image.paste(photograph or _drawing(face.slug), (WIDTH - _ART, 0))
    _words(ImageDraw.Draw(image), image, face)
    output = io.BytesIO()
    # Colours as in a GIF: a third of the size, and others load it for everybody who reads the post.
    palette = image.quantize(256, Image.Quantize.MEDIANCUT)
    dither = Image.Dither.FLOYDSTEINBERG if photograph else Image.Dither.NONE
    image.quantize(palette=palette, dither=dither).save(output, "PNG", compress_level=6)
    return output.getvalue()


def _words(pen: "ImageDraw.ImageDraw", image: "Image.Image", face: Face) -> None:
    case = Case()
    above = " · ".join(part for part in (case.legible(face.kind), case.legible(face.organisation)) if part)
    case.write(pen, (_LEFT, 80), case.cut(above, _WORDS, 27, 600), size=27, weight=600, fill=_SOFT)
    top = _figures(pen, image, case, face)
    title = case.legible(face.title)
    if not title:
        return
    block = case.fit(
        title, width=_WORDS, height=top - _TITLE_TOP - 24, sizes=range(76, 35, -4), weight=750, leading=1.07
    )
    _lines(pen, case, block)


def _lines(pen: "ImageDraw.ImageDraw", case: Case, block: Block) -> None:
    for place, line in enumerate(block.lines):
        x: float = _LEFT
        if _reads_from_the_right(line):
            x += _WORDS - case.width(line, block.size, 750)
        y = _TITLE_TOP + round(0.82 * block.size) + place * block.leading
        case.write(pen, (x, y), line, size=block.size, weight=750, fill=_INK)


def _figures(pen: "ImageDraw.ImageDraw", image: "Image.Image", case: Case, face: Face) -> int:
    """Writes the count and the bar from the bottom up; gives the top of it all."""
    if not face.number:
        return _BOTTOM
    y = _BOTTOM
    if face.percent is not None:
        case.write(pen, (_LEFT, y), case.cut(face.towards, _WORDS, 25, 500), size=25, weight=500, fill=_SOFT)
        y -= 56
        _bar(image, y, face.percent, _DONE if face.reached else _SUN)
        y -= 30
    wide = case.width(face.number, 100, 800) + 18
    left = round(_WORDS - wide)
    noun = case.fit(face.noun, width=left, height=2 * 36, sizes=(34, 30), weight=600)
    if left < 100 or not noun.is_whole:
        # No room beside it: below.
        noun = case.fit(face.noun, width=_WORDS, height=36, sizes=(32, 28, 24), weight=600)
        wide = 0
    y -= 0 if wide else noun.height + 8
    case.write(pen, (_LEFT, y), face.number, size=100, weight=800, fill=_SUN)
    last = y if wide else y + noun.height + 8
    for place, line in enumerate(reversed(noun.lines)):
        at = (_LEFT + wide, last - place * noun.leading)
        case.write(pen, at, line, size=noun.size, weight=600, fill=_INK)
    return y - 74


def _bar(image: "Image.Image", y: int, percent: int, colour: str) -> None:
    """A bar of 18 pixels with round ends, its top at `y`."""
    from PIL import Image, ImageDraw  # noqa: PLC0415

    high = 18
    for share, ink in ((100, _GROOVE), (percent, colour)):
        if not share:
            continue
        wide = max(_WORDS * share // 100, high)
        mask = Image.new("L", (wide * _FINE, high * _FINE))
        edge = (0, 0, wide * _FINE - 1, high * _FINE - 1)
        ImageDraw.Draw(mask).rounded_rectangle(edge, radius=high * _FINE // 2, fill=255)
        mask = mask.resize((wide, high), Image.Resampling.LANCZOS)
        image.paste(ink, (_LEFT, y, _LEFT + wide, y + high), mask)


def _photograph(path: Path) -> "Image.Image | None":
    """The middle of a stored picture; None if it is not there any more."""
    from PIL import Image, ImageOps  # noqa: PLC0415

    try:
        with Image.open(path, formats=("JPEG", "PNG")) as opened:
            opened.draft("RGB", (2 * _ART, 2 * HEIGHT))
            image = opened.convert("RGBA")
    except OSError:
        return None
    ground = Image.new("RGBA", image.size, _INK)
    whole = Image.alpha_composite(ground, image).convert("RGB")
    return ImageOps.fit(whole, (_ART, HEIGHT), Image.Resampling.LANCZOS)


def _drawing(slug: str) -> "Image.Image":
    """Three columns of the campaign's drawing, those with the star."""
    from PIL import Image  # noqa: PLC0415

    drawn = art.poster(slug)
    scale = HEIGHT / art.HEIGHT * _FINE
    before = min(drawn.star_x, art.WIDTH - 3 * art.CELL)
    image = Image.new("RGB", (_ART * _FINE, HEIGHT * _FINE), drawn.ground)
    for tile in drawn.tiles:
        if before <= tile.x < before + 3 * art.CELL:
            corner = ((tile.x - before) * scale, tile.y * scale)
            _stamp(image, tile.shape, tile.ink, corner, art.CELL / 100 * scale, turns=tile.turns)
    x, y = (drawn.star_x - before) * scale, drawn.star_y * scale
    _stamp(image, "M0 0h100v100H0z", drawn.ink, (x, y), 2 * art.CELL / 100 * scale)
    _stamp(image, art.STAR, drawn.ground, (x + 35 * scale, y + 35 * scale), 2.3 * scale)
    return image.resize((_ART, HEIGHT), Image.Resampling.LANCZOS)


def _stamp(
    image: "Image.Image", shape: str, ink: str, corner: tuple[float, float], scale: float, *, turns: int = 0
) -> None:
    """Prints a shape of a square of 100; where two of its outlines overlap there is a hole."""
    from PIL import Image, ImageChops, ImageDraw  # noqa: PLC0415

    side = round(100 * scale) + 1
    mask = Image.new("1", (side, side))
    for polygon in outlines.polygons(shape):
        one = Image.new("1", (side, side))
        ImageDraw.Draw(one).polygon([_turned(point, turns, scale) for point in polygon], fill=1)
        mask = ImageChops.logical_xor(mask, one)
    image.paste(ink, (round(corner[0]), round(corner[1])), mask)


def _turned(point: outlines.Point, turns: int, scale: float) -> outlines.Point:
    x, y = point
    for _ in range(turns):
        x, y = 100 - y, x
    return x * scale, y * scale


def _reads_from_the_right(text: str) -> bool:
    for character in text:
        direction = unicodedata.bidirectional(character)
        if direction in {"R", "AL"}:
            return True
        if direction == "L":
            return False
    return False
