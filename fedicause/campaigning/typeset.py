"""Sets lines of text as a PDF: a cover, paragraphs, tables, codes, and lists of many names."""

import logging
import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fedicause import typefaces

if TYPE_CHECKING:
    from fpdf import FPDF

_FAMILY: Final = "Literata"
# A4 in millimetres.
_WIDTH, _HEIGHT = 210.0, 297.0
_MARGIN: Final = 24.0
_INNER: Final = _WIDTH - 2 * _MARGIN
_BOTTOM: Final = 24.0
_BAND: Final = 118.0
_INK, _SOFT, _RULE, _BLUE, _GOLD = "#24103a", "#5d5069", "#d9d1e2", "#2f2bd0", "#ffc53d"
_PICTURE_PIXELS: Final = (1654, 929)
_LINE: Final = 5.2

# What it says is for its own developers, and would put letters of people's names into logs.
logging.getLogger("fpdf").setLevel(logging.CRITICAL)
logging.getLogger("fontTools").setLevel(logging.ERROR)


class Press:
    """One document while it is made."""

    def __init__(
        self, *, language: str, title: str, author: str, now: datetime, picture: Path | None
    ) -> None:
        self._pdf = _document(title)
        self._picture = picture
        self._columns: list[float] = []
        self._ends_at = 0.0
        self._measured: dict[tuple[float, str], dict[str, float]] = {}
        pdf = self._pdf
        pdf.set_lang(language)
        pdf.set_title(title)
        pdf.set_author(author)
        pdf.set_creator("fedicause")
        pdf.set_creation_date(now)
        pdf.set_margins(_MARGIN, 22, _MARGIN)
        pdf.set_auto_page_break(True, _BOTTOM)
        pdf.add_font(_FAMILY, "", typefaces.REGULAR)
        pdf.add_font(_FAMILY, "B", typefaces.BOLD)
        pdf.add_page()
        self._draw_cover()

    def lacks(self, text: str) -> bool:
        """Whether some letter of it can't be printed."""
        return typefaces.MISSING in typefaces.printable(text.replace(typefaces.MISSING, ""))

    def print(self, lines: Iterable[str]) -> None:
        """Sets lines, each of which begins with what it is (see templates/paper)."""
        for line in lines:
            kind, _, rest = line.partition(" ")
            cells = [typefaces.printable(each) for each in rest.split("\t")]
            match kind:
                case "":
                    continue
                case "X":
                    self._pdf.add_page()
                case "K" | "N" | "G" | "F":
                    self._print_cover(kind, cells)
                case "H":
                    self._heading(cells[0])
                case "P":
                    self._paragraph(cells)
                case "T" | "R" | "S":
                    self._row(kind, cells)
                case "C":
                    self._code(cells)
                case _:
                    raise ValueError(f"a line of no kind: {kind!r}")

    def print_list(self, rows: Sequence[tuple[str, str, str, str, str]]) -> None:
        """Sets rows of number, name, place, country and day: thousands of them, each in one line."""
        pdf = self._pdf
        number = max((len(row[0]) for row in rows), default=1) * 1.9 + 2
        # The rest is for names and places; what does not fit is cut.
        widths = [number, 0.0, 44.0, 36.0, 20.0]
        if not any(row[2] for row in rows):
            widths[2] = 0.0
        widths[1] = _INNER - sum(widths)
        pdf.set_font(_FAMILY, "", 8.5)
        pdf.set_text_color(_INK)
        y = pdf.get_y() + 4
        for row in rows:
            if y > _HEIGHT - _BOTTOM:
                pdf.add_page()
                pdf.set_font(_FAMILY, "", 8.5)
                pdf.set_text_color(_INK)
                y = 26.0
            x = _MARGIN
            for width, cell in zip(widths, row, strict=True):
                if cell and width:
                    pdf.text(x, y, self._cut(typefaces.printable(cell), width - 2))
                x += width
            y += _LINE
        pdf.set_y(y)

    def finished(self) -> bytes:
        return bytes(self._pdf.output())

    def _cut(self, text: str, width: float) -> str:
        """As much of the text as fits. Each letter is measured once for each size: lists are long."""
        measured = self._measured.setdefault((self._pdf.font_size_pt, self._pdf.font_style), {})
        room = width
        for place, letter in enumerate(text):
            if letter not in measured:
                measured[letter] = self._pdf.get_string_width(letter)
            room -= measured[letter]
            if room < 0:
                return f"{text[: max(place - 1, 0)]}…"
        return text

    def _draw_cover(self) -> None:
        pdf = self._pdf
        picture = _jpeg(self._picture) if self._picture else None
        if picture is not None:
            pdf.image(BytesIO(picture), 0, 0, _WIDTH, _BAND)
        else:
            self._draw_poster()
        pdf.set_fill_color(_GOLD)
        pdf.rect(0, _BAND, _WIDTH, 2.4, style="F")
        pdf.set_y(_BAND + 16)

    def _draw_poster(self) -> None:
        """Plain shapes for a campaign without a picture, and the star that endorses."""
        pdf = self._pdf
        pdf.set_fill_color(_BLUE)
        pdf.rect(0, 0, _WIDTH, _BAND, style="F")
        cell = _WIDTH / 6
        for column, row, ink in ((0, 1, "#ff8e72"), (1, 2, _GOLD), (2, 0, "#f3ecff"), (5, 2, "#ff8e72")):
            pdf.set_fill_color(ink)
            x, y = column * cell, row * cell
            if row % 2:
                pdf.ellipse(x, y, cell, cell, style="F")
            else:
                pdf.polygon([(x, y), (x + cell, y), (x + cell, y + cell)], style="F")
        pdf.set_fill_color(_GOLD)
        pdf.rect(3 * cell, 0.6 * cell, 2 * cell, 2 * cell, style="F")
        pdf.set_fill_color(_BLUE)
        pdf.polygon(_star(4 * cell, 1.68 * cell, 0.78 * cell), style="F")

    def _print_cover(self, kind: str, cells: Sequence[str]) -> None:
        pdf = self._pdf
        if kind == "K":
            pdf.set_text_color(_SOFT)
            pdf.set_font(_FAMILY, "", 12)
            pdf.cell(0, 6, cells[0], new_x="LMARGIN", new_y="NEXT")
            pdf.ln(2)
        elif kind == "N":
            pdf.set_text_color(_INK)
            size = next((size for size, most in ((30, 45), (25, 80), (20, 140)) if len(cells[0]) <= most), 15)
            pdf.set_font(_FAMILY, "B", size)
            pdf.multi_cell(0, size * 0.43, cells[0][:400], align="L", new_x="LMARGIN", new_y="NEXT")
            pdf.ln(5)
        elif kind == "G":
            pdf.set_text_color(_BLUE)
            pdf.set_font(_FAMILY, "B", 26)
            pdf.cell(pdf.get_string_width(cells[0]) + 4, 11, cells[0])
            pdf.set_text_color(_INK)
            pdf.set_font(_FAMILY, "", 13)
            pdf.cell(0, 12.4, cells[1], new_x="LMARGIN", new_y="NEXT")
            pdf.ln(6)
        else:
            y = pdf.get_y()
            pdf.set_draw_color(_RULE)
            pdf.line(_MARGIN, y, _WIDTH - _MARGIN, y)
            pdf.set_y(y + 1.6)
            pdf.set_text_color(_SOFT)
            pdf.set_font(_FAMILY, "", 10)
            pdf.cell(44, 5.4, self._cut(cells[0], 42))
            pdf.set_text_color(_INK)
            pdf.multi_cell(0, 5.4, cells[1][:300], align="L", new_x="LMARGIN", new_y="NEXT")
            pdf.ln(1.4)

    def _heading(self, text: str) -> None:
        pdf = self._pdf
        self._room(26)
        if pdf.get_y() > 40:
            pdf.ln(5)
        pdf.set_text_color(_INK)
        pdf.set_font(_FAMILY, "B", 16)
        pdf.start_section(text)
        pdf.multi_cell(0, 8, text, align="L", new_x="LMARGIN", new_y="NEXT")
        pdf.ln(2)

    def _paragraph(self, cells: Sequence[str]) -> None:
        """Of two cells the first is bold, and leads into the other."""
        pdf = self._pdf
        if pdf.get_y() == self._ends_at:
            pdf.ln(3)
        pdf.set_text_color(_INK)
        if len(cells) > 1:
            pdf.set_font(_FAMILY, "B", 10.5)
            pdf.write(5.6, f"{cells[0]} ")
        pdf.set_font(_FAMILY, "", 10.5)
        pdf.write(5.6, cells[-1])
        pdf.ln(9)

    def _row(self, kind: str, cells: Sequence[str]) -> None:
        pdf = self._pdf
        if kind == "T":
            self._room(24)
            right = sum(cell.startswith(">") for cell in cells)
            width = 30.0
            left = (_INNER - right * width) / max(len(cells) - right, 1)
            self._columns = [width if cell.startswith(">") else left for cell in cells]
        else:
            self._room(8)
        pdf.set_font(_FAMILY, "" if kind == "R" else "B", 9 if kind == "T" else 10)
        pdf.set_text_color(_SOFT if kind == "T" else _INK)
        y = pdf.get_y()
        for width, cell in zip(self._columns, cells, strict=True):
            text = self._cut(cell.removeprefix(">"), width - 2)
            pdf.cell(width, 6.4, text, align="R" if cell.startswith(">") else "L")
        pdf.set_xy(_MARGIN, y + 6.8)
        pdf.set_draw_color(_INK if kind == "T" else _RULE)
        pdf.line(_MARGIN, y + 6.6, _WIDTH - _MARGIN, y + 6.6)
        self._ends_at = pdf.get_y()

    def _code(self, cells: Sequence[str]) -> None:
        from fpdf.enums import WrapMode  # noqa: PLC0415 - with the rest of it

        pdf = self._pdf
        self._room(16)
        pdf.set_text_color(_SOFT)
        pdf.set_font(_FAMILY, "", 8.5)
        pdf.multi_cell(0, 4.4, cells[0], align="L", new_x="LMARGIN", new_y="NEXT")
        pdf.set_text_color(_INK)
        pdf.set_font(_FAMILY, "", 9.5)
        pdf.multi_cell(0, 5, cells[1], align="L", wrapmode=WrapMode.CHAR, new_x="LMARGIN", new_y="NEXT")
        pdf.ln(2.4)

    def _room(self, height: float) -> None:
        if self._pdf.get_y() + height > _HEIGHT - _BOTTOM:
            self._pdf.add_page()


def _document(title: str) -> "FPDF":
    """A document with a foot on every page but the cover."""
    from fpdf import FPDF  # noqa: PLC0415 - seldom needed

    class Document(FPDF):
        def footer(self) -> None:
            if self.page_no() == 1:
                return
            self.set_y(-15)
            self.set_font(_FAMILY, "", 8)
            self.set_text_color(_SOFT)
            self.cell(_INNER - 30, 5, typefaces.printable(title[:90]), align="L")
            self.cell(30, 5, f"{self.page_no()} / {{nb}}", align="R")

    return Document(orientation="portrait", unit="mm", format="A4")


def _jpeg(path: Path) -> bytes | None:
    """The picture as it fits the cover; None for what can't be read."""
    from PIL import Image, ImageOps  # noqa: PLC0415 - seldom needed

    try:
        with Image.open(path) as opened:
            fitted: Any = ImageOps.fit(opened.convert("RGB"), _PICTURE_PIXELS)
    except (OSError, ValueError):
        return None
    written = BytesIO()
    fitted.save(written, "JPEG", quality=86)
    return written.getvalue()


def _star(x: float, y: float, radius: float) -> list[tuple[float, float]]:
    """Five points around a middle."""
    found = []
    for step in range(10):
        reach = radius if step % 2 == 0 else radius * 0.44
        turn = math.pi * (step / 5 - 0.5)
        found.append((x + reach * math.cos(turn), y + reach * math.sin(turn)))
    return found
