"""Pictures for the demo's campaigns: posters of plain shapes, drawn when the demo starts."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw

# What places below are given in, and the pixels of the drawing; it is shrunk then, which smooths the edges.
WIDTH: Final = 1500
HEIGHT: Final = 1000
_SCALE: Final = 1.6
_SHRUNK: Final = 2

_INDIGO, _AMBER, _CORAL, _SALMON = "#2f2bd0", "#ffc53d", "#ff6a4a", "#ff8e72"
_LILAC, _PALE, _PLUM, _CREAM = "#c3b1ff", "#f3ecff", "#3a1150", "#fdf7ec"
_GREEN, _MINT, _SKY = "#0f5f4e", "#a6ecc9", "#a9dcf7"


class _Sheet:
    """A canvas of WIDTH by HEIGHT; colours are hexadecimal."""

    def __init__(self, ground: str) -> None:
        self._image = Image.new("RGB", (round(WIDTH * _SCALE), round(HEIGHT * _SCALE)), ground)
        self._draw = ImageDraw.Draw(self._image)

    def box(self, x: float, y: float, width: float, height: float, colour: str, *, corner: float = 0) -> None:
        """A rectangle by its upper left corner."""
        place = [each * _SCALE for each in (x, y, x + width, y + height)]
        place[2:] = [edge - 1 for edge in place[2:]]
        self._draw.rounded_rectangle(place, corner * _SCALE, colour)

    def disc(self, x: float, y: float, radius: float, colour: str) -> None:
        self._draw.ellipse(self._around(x, y, radius), colour)

    def slice(self, x: float, y: float, radius: float, turns: tuple[float, float], colour: str) -> None:
        """A part of a disc; degrees clockwise from the right."""
        self._draw.pieslice(self._around(x, y, radius), *turns, colour)

    def arc(
        self, x: float, y: float, radius: float, turns: tuple[float, float], colour: str, *, width: float
    ) -> None:
        """A part of a ring whose outer radius is given, with round ends."""
        self._draw.arc(self._around(x, y, radius), *turns, colour, round(width * _SCALE))
        middle = radius - width / 2
        for turn in map(math.radians, turns):
            self.disc(x + middle * math.cos(turn), y + middle * math.sin(turn), width / 2, colour)

    def shape(self, corners: list[tuple[float, float]], colour: str) -> None:
        self._draw.polygon([(x * _SCALE, y * _SCALE) for x, y in corners], colour)

    def star(self, x: float, y: float, radius: float, colour: str) -> None:
        turns = [math.pi * (each / 5 - 0.5) for each in range(10)]
        radii = [radius * (0.46 if each % 2 else 1.0) for each in range(10)]
        self.shape(
            [(x + r * math.cos(turn), y + r * math.sin(turn)) for r, turn in zip(radii, turns, strict=True)],
            colour,
        )

    def eye(self, x: float, y: float, width: float, colours: tuple[str, str, str]) -> None:
        """An almond between two arcs of a circle, and what looks out of it."""
        half = width / 2
        rise = half * 0.55
        radius = (half**2 + rise**2) / (2 * rise)
        swing = math.asin(half / radius)
        steps = [swing * (each / 12 - 1) for each in range(25)]
        upper = [(x + radius * math.sin(a), y + radius - rise - radius * math.cos(a)) for a in steps]
        lower = [(px, 2 * y - py) for px, py in reversed(upper)]
        white, iris, pupil = colours
        self.shape(upper + lower, white)
        self.disc(x, y, rise * 0.82, iris)
        self.disc(x, y, rise * 0.4, pupil)

    def save(self, path: Path) -> None:
        self._image.reduce(_SHRUNK).save(path, compress_level=1)

    def _around(self, x: float, y: float, radius: float) -> list[float]:
        return [each * _SCALE for each in (x - radius, y - radius, x + radius, y + radius)]


def draw(slug: str, path: Path) -> bool:
    """Writes the picture of a campaign as PNG; False where there is none, and its poster must do."""
    drawn = _DRAWN.get(slug)
    if drawn is None:
        return False
    drawn().save(path)
    return True


def _face() -> _Sheet:
    sheet = _Sheet(_INDIGO)
    sheet.disc(750, 520, 470, "#3a36e0")
    sheet.box(575, 640, 350, 360, _SALMON)
    sheet.slice(750, 1010, 330, (180, 360), _AMBER)
    sheet.disc(750, 480, 300, _SALMON)
    sheet.slice(750, 480, 300, (90, 270), _PALE)
    sheet.slice(750, 430, 330, (180, 360), _PLUM)
    sheet.box(450, 415, 300, 40, _PALE)
    sheet.box(750, 415, 300, 40, _SALMON)
    sheet.eye(635, 500, 150, ("#ffffff", _INDIGO, _PLUM))
    sheet.star(870, 505, 76, _AMBER)
    sheet.shape([(750, 500), (800, 610), (750, 610)], _CORAL)
    sheet.slice(750, 660, 80, (0, 180), _CORAL)
    sheet.slice(750, 660, 80, (90, 180), _PLUM)
    for x, across in ((330, 1), (1170, -1)):
        for y, down in ((130, 1), (870, -1)):
            sheet.box(min(x, x + 130 * across), min(y, y + 26 * down), 130, 26, _AMBER)
            sheet.box(min(x, x + 26 * across), min(y, y + 130 * down), 26, 130, _AMBER)
    return sheet


def _scan() -> _Sheet:
    sheet = _Sheet(_CORAL)
    for radius, colour in ((640, "#ff7b5d"), (500, _PLUM), (415, _CORAL), (330, _SALMON), (235, _PLUM)):
        sheet.disc(750, 500, radius, colour)
    sheet.eye(750, 500, 380, (_CREAM, _CORAL, _PLUM))
    sheet.shape([(270, 890), (390, 1010), (1230, 110), (1110, -10)], _AMBER)
    sheet.shape([(390, 1010), (410, 1030), (1250, 130), (1230, 110)], _PLUM)
    return sheet


def _castle() -> _Sheet:
    sheet = _Sheet(_PLUM)
    for x, y, size in ((180, 190, 20), (350, 330, 12), (1240, 160, 18), (1390, 390, 12), (480, 130, 10)):
        sheet.star(x, y, size, _AMBER)
    sheet.disc(1150, 300, 90, _AMBER)
    sheet.disc(1190, 275, 80, _PLUM)
    sheet.slice(750, 1090, 760, (180, 360), "#521a70")
    for x, top, width in ((420, 480, 130), (950, 480, 130), (560, 380, 110), (830, 380, 110)):
        sheet.box(x, top, width, 620, _LILAC)
        sheet.shape([(x - 22, top), (x + width / 2, top - 170), (x + width + 22, top)], _CORAL)
        sheet.box(x + width / 2 - 14, top + 60, 28, 70, _PLUM, corner=14)
    sheet.box(610, 470, 280, 530, _PALE)
    sheet.shape([(580, 470), (750, 190), (920, 470)], _INDIGO)
    sheet.disc(750, 590, 108, _AMBER)
    sheet.eye(750, 590, 176, (_CREAM, _INDIGO, _PLUM))
    sheet.slice(750, 900, 90, (180, 360), _PLUM)
    sheet.box(660, 898, 180, 110, _PLUM)
    return sheet


def _padlock() -> _Sheet:
    sheet = _Sheet(_GREEN)
    for row in range(5):
        for column in range(8):
            sheet.disc(95 + column * 187, 100 + row * 200, 10, "#1d7460")
    sheet.arc(750, 400, 265, (180, 360), _MINT, width=84)
    sheet.box(485, 400, 84, 170, _MINT)
    sheet.box(931, 400, 84, 170, _MINT)
    sheet.box(400, 480, 700, 430, _AMBER, corner=60)
    sheet.box(400, 790, 700, 60, "#f0ae17")
    sheet.disc(750, 660, 130, _GREEN)
    sheet.star(750, 665, 104, _CREAM)
    return sheet


def _doors() -> _Sheet:
    sheet = _Sheet(_SKY)
    colours = (_INDIGO, _CORAL, _GREEN, _AMBER, _PLUM)
    for column in range(5):
        x = 75 + column * 280
        sheet.box(x - 14, 216, 258, 684, _CREAM, corner=18)
        if column == 2:
            sheet.box(x, 230, 230, 656, _SALMON)
            for row in range(9):
                y = 230 + row * 73
                sheet.box(x, y, 230, 8, _CREAM)
                for joint in (60, 175) if row % 2 else (115,):
                    sheet.box(x + joint, y, 8, 73, _CREAM)
            continue
        sheet.box(x, 230, 230, 656, colours[column], corner=6)
        sheet.box(x + 34, 274, 162, 190, _SKY, corner=10)
        sheet.disc(x + 196, 560, 17, _CREAM)
    sheet.box(0, 900, WIDTH, 100, _PLUM)
    return sheet


def _street() -> _Sheet:
    sheet = _Sheet("#211a4a")
    colours = (_CORAL, _AMBER, _LILAC, _MINT, _SALMON)
    for index, colour in enumerate(colours):
        x = 30 + index * 294
        top = 520 + (index % 2) * 50
        sheet.disc(x + 132, top - 250, 92, _CREAM)
        sheet.disc(x + 132, top - 250, 58, _PLUM)
        sheet.disc(x + 132, top - 250, 26, _CORAL)
        sheet.disc(x + 150, top - 268, 9, _CREAM)
        sheet.box(x, top, 264, 480, colour)
        sheet.shape([(x - 16, top), (x + 132, top - 130), (x + 280, top)], _INDIGO)
        for across in (40, 160):
            sheet.box(x + across, top + 60, 64, 84, _PLUM, corner=6)
        sheet.box(x + 96, top + 210, 72, 300, _PLUM, corner=8)
        sheet.disc(x + 190, top + 290, 10, _CREAM)
    sheet.box(0, 930, WIDTH, 70, _PLUM)
    return sheet


def _doorbell() -> _Sheet:
    sheet = _Sheet(_AMBER)
    rings = ("#ffd36a", _CORAL, _AMBER, _PLUM, _AMBER, _INDIGO, _AMBER)
    for radius, colour in zip((720, 590, 500, 440, 370, 320, 262), rings, strict=True):
        sheet.disc(750, 500, radius, colour)
    sheet.box(625, 190, 250, 620, _PLUM, corner=70)
    sheet.disc(750, 345, 78, _CREAM)
    sheet.disc(750, 345, 46, _INDIGO)
    sheet.disc(768, 327, 13, _CREAM)
    sheet.disc(750, 645, 88, _SKY)
    sheet.disc(750, 645, 62, _CREAM)
    return sheet


def _fingerprint() -> _Sheet:
    sheet = _Sheet(_CREAM)
    sheet.disc(750, 470, 560, "#f7ead2")
    sheet.arc(750, 375, 310, (178, 450), _INDIGO, width=38)
    sheet.box(731, 650, 38, 110, _INDIGO, corner=19)
    for radius, start, end, colour in (
        (246, 165, 405, _CORAL),
        (182, 185, 428, _INDIGO),
        (118, 160, 400, _GREEN),
        (54, 180, 380, _INDIGO),
    ):
        sheet.arc(750, 375, radius, (start, end), colour, width=34)
    sheet.star(750, 850, 72, _CORAL)
    return sheet


def _cap() -> _Sheet:
    sheet = _Sheet(_LILAC)
    sheet.disc(750, 560, 480, "#d3c5ff")
    sheet.box(560, 300, 380, 650, _PLUM, corner=54)
    sheet.box(590, 380, 320, 500, _PALE, corner=18)
    for row in range(3):
        sheet.disc(650, 560 + row * 105, 30, (_CORAL, _AMBER, _GREEN)[row])
        sheet.box(705, 546 + row * 105, 165, 28, _LILAC, corner=14)
    sheet.box(600, 260, 300, 130, _INDIGO, corner=20)
    sheet.shape([(750, 70), (1130, 230), (750, 390), (370, 230)], _INDIGO)
    sheet.shape([(750, 70), (1130, 230), (750, 240)], "#4945e8")
    sheet.shape([(745, 225), (1045, 310), (1045, 322), (745, 237)], _AMBER)
    sheet.box(1036, 312, 16, 170, _AMBER)
    sheet.disc(1044, 490, 30, _AMBER)
    return sheet


def _exam() -> _Sheet:
    sheet = _Sheet(_MINT)
    sheet.disc(1180, 230, 330, "#bdf2d8")
    sheet.box(300, 170, 900, 590, _GREEN, corner=40)
    sheet.box(340, 210, 820, 510, _CREAM, corner=12)
    sheet.box(180, 780, 1140, 70, _PLUM, corner=35)
    sheet.box(640, 780, 220, 26, _GREEN, corner=13)
    sheet.eye(750, 465, 560, (_SKY, _INDIGO, _PLUM))
    sheet.disc(800, 425, 30, _CREAM)
    sheet.shape([(360, 700), (420, 760), (1150, 230), (1090, 170)], _CORAL)
    return sheet


def _gavel() -> _Sheet:
    sheet = _Sheet(_SALMON)
    sheet.disc(750, 560, 520, "#ffa48d")
    sheet.box(690, 520, 120, 400, _INDIGO)
    sheet.shape([(690, 522), (750, 380), (810, 522)], _CREAM)
    sheet.shape([(727, 434), (750, 380), (773, 434)], _PLUM)
    sheet.box(300, 900, 900, 60, _PLUM, corner=30)
    sheet.box(480, 160, 540, 220, _PLUM, corner=20)
    for x in (450, 970):
        sheet.box(x, 135, 80, 270, _AMBER, corner=16)
    sheet.shape([(1050, 245), (1180, 245), (1150, 270), (1185, 295), (1050, 295)], _PLUM)
    sheet.shape([(1225, 235), (1400, 300), (1380, 350), (1210, 290), (1235, 270)], _PLUM)
    for x, y, size in ((560, 520, 34), (940, 540, 40), (620, 640, 18), (890, 680, 20)):
        sheet.star(x, y, size, _CREAM)
    return sheet


_DRAWN: Final[dict[str, Callable[[], _Sheet]]] = {
    "reclaim-your-face": _face,
    "ban-the-scan": _scan,
    "magic-kingdom": _castle,
    "save-security": _padlock,
    "no-backdoors": _doors,
    "amazon-police": _street,
    "ring-doorbells": _doorbell,
    "whyid": _fingerprint,
    "university-apps": _cap,
    "drop-proctorio": _exam,
    "bogus-lawsuits": _gavel,
}
