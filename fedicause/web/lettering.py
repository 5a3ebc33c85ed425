"""Writes on pictures with the fonts of the pages: breaks lines, and knows which letters it has."""

import bisect
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from PIL import ImageDraw
    from PIL.ImageFont import FreeTypeFont

_FONTS: Final = Path(__file__).parent / "static" / "fonts"
# FreeType unpacks WOFF2 by itself.
_OURS: Final = ("bricolage-latin.woff2", "bricolage-latin-ext.woff2")
# For other scripts, where the system has one of them; it is looked for by name.
_SYSTEM: Final = ("NotoSans-Bold.ttf", "DejaVuSans-Bold.ttf", "NotoSansCJK-Bold.ttc")
_NOBODYS: Final = "\U0010ffff"
_TRIED_AT: Final = 32
# No picture has room for more, whatever other servers call their campaigns.
_LONGEST: Final = 400
_OPTICAL: Final = (12, 96)


class Block(Struct, frozen=True):
    """Lines that fit somewhere, at this size in pixels: `is_whole` if nothing was broken or left out."""

    lines: tuple[str, ...]
    size: int
    leading: int
    is_whole: bool

    @property
    def height(self) -> int:
        return self.leading * len(self.lines)


class Case:
    """A type case: the fonts of one drawing, opened as they are needed."""

    def __init__(self) -> None:
        self._fonts: dict[tuple[str, int, int], FreeTypeFont | None] = {}
        self._has: dict[tuple[str, str], bool] = {}

    def legible(self, text: str) -> str | None:
        """The text without signs that no font has; None when there are letters that none has."""
        kept = []
        for character in unicodedata.normalize("NFC", " ".join(text.split())[:_LONGEST]):
            category = unicodedata.category(character)
            if category[0] == "C":
                continue
            if self._font_of(character) is None:
                if category[0] in "LN":
                    return None
                continue
            kept.append(character)
        return " ".join("".join(kept).split())

    def width(self, text: str, size: int, weight: int) -> float:
        return sum(font.getlength(run) for run, font in self._runs(text, size, weight))

    def write(
        self,
        draw: "ImageDraw.ImageDraw",
        at: tuple[float, float],
        text: str,
        *,
        size: int,
        weight: int,
        fill: str,
    ) -> float:
        """Writes one line; `at` is where its baseline begins. Gives its width."""
        x, y = at
        for run, font in self._runs(text, size, weight):
            draw.text((x, y), run, font=font, fill=fill, anchor="ls")
            x += font.getlength(run)
        return x - at[0]

    def fit(
        self, text: str, *, width: int, height: int, sizes: Sequence[int], weight: int, leading: float = 1.06
    ) -> Block:
        """The text at the largest of these sizes at which it fits; at the last one it is cut."""
        for size in sizes:
            step = round(size * leading)
            lines, is_broken = self._lines(text, width, size, weight)
            if not is_broken and step * len(lines) <= height:
                return Block(tuple(lines), size, step, is_whole=True)
        most = max(height // step, 1)
        if len(lines) > most:
            lines = [*lines[: most - 1], self.cut(" ".join(lines[most - 1 :]), width, size, weight)]
        return Block(tuple(lines), size, step, is_whole=False)

    def cut(self, text: str, width: int, size: int, weight: int) -> str:
        """The text, or as much of its beginning as fits."""
        if self.width(text, size, weight) <= width:
            return text
        fitting = self._fitting(text, width - self.width("…", size, weight), size, weight)
        return text[:fitting].rstrip() + "…"

    def _fitting(self, text: str, width: float, size: int, weight: int) -> int:
        """How many letters of it fit; at least one."""
        lengths = range(1, len(text) + 1)
        fit = bisect.bisect_right(lengths, width, key=lambda length: self.width(text[:length], size, weight))
        return max(fit, 1)

    def _lines(self, text: str, width: int, size: int, weight: int) -> tuple[list[str], bool]:
        """The lines, and whether a word had to be broken for them."""
        lines: list[str] = []
        line, is_broken = "", False
        for word in text.split():
            longer = f"{line} {word}" if line else word
            if self.width(longer, size, weight) <= width:
                line = longer
                continue
            if line:
                lines.append(line)
            line = word
            while self.width(line, size, weight) > width and len(line) > 1:
                is_broken = True
                fitting = min(self._fitting(line, width, size, weight), len(line) - 1)
                lines.append(line[:fitting])
                line = line[fitting:]
        return ([*lines, line] if line else lines), is_broken

    def _runs(self, text: str, size: int, weight: int) -> Iterator[tuple[str, "FreeTypeFont"]]:
        """Pieces of the text, each with a font that has all its letters: the system's for all, or ours."""
        if not all(any(self._is_in(name, character) for name in _OURS) for character in text):
            for name in _SYSTEM:
                font = self._font(name, size, weight)
                if font is not None and all(self._is_in(name, character) for character in text):
                    # Whole, as a script that is read from the right must not be cut in pieces.
                    yield text, font
                    return
        run, used = "", _OURS[0]
        for character in text:
            name = self._font_of(character) or used
            if name != used and run:
                yield run, self._needed(used, size, weight)
                run = ""
            run, used = run + character, name
        if run:
            yield run, self._needed(used, size, weight)

    def _font_of(self, character: str) -> str | None:
        return next((name for name in (*_OURS, *_SYSTEM) if self._is_in(name, character)), None)

    def _is_in(self, name: str, character: str) -> bool:
        key = (name, character)
        if key not in self._has:
            font = self._font(name, _TRIED_AT, 700)
            self._has[key] = font is not None and (
                character.isspace() or _shape(font, character) != _shape(font, _NOBODYS)
            )
        return self._has[key]

    def _needed(self, name: str, size: int, weight: int) -> "FreeTypeFont":
        font = self._font(name, size, weight)
        if font is None:
            raise FileNotFoundError(name)
        return font

    def _font(self, name: str, size: int, weight: int) -> "FreeTypeFont | None":
        from PIL import ImageFont  # noqa: PLC0415 - only who draws needs it

        key = (name, size, weight)
        if key not in self._fonts:
            if name in _OURS:
                font = ImageFont.truetype(_FONTS / name, size)
                font.set_variation_by_axes([min(max(size, _OPTICAL[0]), _OPTICAL[1]), weight])
                self._fonts[key] = font
            else:
                try:
                    self._fonts[key] = ImageFont.truetype(name, size)
                except OSError:
                    self._fonts[key] = None
        return self._fonts[key]


def _shape(font: "FreeTypeFont", character: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(character)
    return mask.size, bytes(mask)
