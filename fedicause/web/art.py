"""A picture for a campaign that has none: a poster of plain shapes, the same for a slug for ever."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

WIDTH: Final = 900
HEIGHT: Final = 600
CELL: Final = 150

# Ground first, then what stands on it.
_PALETTES: Final = (
    ("#2f2bd0", "#ffc53d", "#ff8e72", "#f3ecff"),
    ("#0f5f4e", "#a6ecc9", "#ffc53d", "#fdf3dd"),
    ("#ff6a4a", "#3a1150", "#ffd0bd", "#ffc53d"),
    ("#3a1150", "#c3b1ff", "#ff6a4a", "#ffc53d"),
    ("#ffc53d", "#2f2bd0", "#ff6a4a", "#fff6e0"),
    ("#a9dcf7", "#2f2bd0", "#ff6a4a", "#fdf7ec"),
)
# Paths in a cell of 100 by 100, turned by quarters.
_SHAPES: Final = (
    "M0 0h100A100 100 0 0 1 0 100z",
    "M0 100a50 50 0 0 1 100 0zM0 50a50 50 0 0 1 100 0z",
    "M0 50a50 50 0 0 1 100 0 50 50 0 0 1-100 0z",
    "M0 0l100 100H0z",
    "M0 0h20v100H0zM40 0h20v100H40zM80 0h20v100H80z",
    "M50 0h50A100 100 0 0 1 0 100V50A50 50 0 0 0 50 0z",
    "M0 50a50 50 0 1 1 100 0 50 50 0 1 1-100 0zm26 0a24 24 0 1 0 48 0 24 24 0 1 0-48 0z",
    "M0 50Q50-20 100 50 50 120 0 50z",
)
STAR: Final = "M50 4l14.2 30.4 33.3 4.1-24.6 22.8 6.4 32.9L50 77.8 20.7 94.2l6.4-32.9L2.5 38.5l33.3-4.1z"


class Tile(Struct, frozen=True):
    """A shape in a cell: a path (even-odd) in a square of 100, its colour, its place, its quarter turns."""

    shape: str
    ink: str
    x: int
    y: int
    turns: int


class Poster(Struct, frozen=True):
    """What is drawn on the ground: the tiles, and a star of two by two cells on a square of `ink`."""

    ground: str
    tiles: Sequence[Tile]
    ink: str
    star_x: int
    star_y: int


def poster(slug: str) -> Poster:
    draw = _draws(slug)
    ground, *inks = _PALETTES[next(draw) % len(_PALETTES)]
    columns, rows = WIDTH // CELL, HEIGHT // CELL
    # One large star, as that is what endorses; the rest of the grid is shapes, with some rest for the eye.
    star_column, star_row = next(draw) % (columns - 1), next(draw) % (rows - 1)
    tiles = []
    for row in range(rows):
        for column in range(columns):
            shape, ink, turn, rest = (next(draw) for _ in range(4))
            if column - star_column in (0, 1) and row - star_row in (0, 1):
                continue
            if rest < 56:
                continue
            colour = inks[ink % len(inks)]
            tiles.append(
                Tile(_SHAPES[shape % len(_SHAPES)], colour, column * CELL, row * CELL, turns=turn % 4)
            )
    return Poster(ground, tiles, inks[next(draw) % len(inks)], star_column * CELL, star_row * CELL)


def svg(slug: str) -> bytes:
    """An SVG of WIDTH by HEIGHT."""
    drawn = poster(slug)
    parts = []
    for tile in drawn.tiles:
        place = f"translate({tile.x} {tile.y}) scale(1.5) rotate({tile.turns * 90} 50 50)"
        # A thin line of the same colour, or neighbours show a seam at some sizes.
        paint = f'fill="{tile.ink}" stroke="{tile.ink}" stroke-width=".6"'
        parts.append(f'<path fill-rule="evenodd" {paint} transform="{place}" d="{tile.shape}"/>')
    x, y = drawn.star_x, drawn.star_y
    parts.append(f'<path fill="{drawn.ink}" d="M{x} {y}h300v300H{x}z"/>')
    parts.append(
        f'<path fill="{drawn.ground}" transform="translate({x + 35} {y + 35}) scale(2.3)" d="{STAR}"/>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}"><path fill="{drawn.ground}" d="M0 0h{WIDTH}v{HEIGHT}H0z"/>{"".join(parts)}</svg>'
    ).encode()


def _draws(slug: str) -> Iterator[int]:
    """Bytes that look random and are the slug's own."""
    block = slug.encode()
    while True:
        block = hashlib.blake2b(block, person=b"fedicause-art").digest()
        yield from block
