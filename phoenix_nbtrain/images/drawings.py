"""A set of icons in one hand, drawn by the project itself.

Tutorials, tests and the local trainer's samples use them, so that none needs images of
somebody else's. The line version of an icon is the same drawing without its fills.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.text import shown

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

Style = Literal["colour", "line"]
Point = tuple[float, float]

INK = (43, 37, 51)
PAPER = (255, 255, 255)
_PALETTE = {
    "cream": (255, 243, 220),
    "red": (226, 85, 74),
    "orange": (241, 147, 66),
    "yellow": (249, 202, 88),
    "green": (122, 178, 94),
    "teal": (70, 157, 150),
    "blue": (74, 116, 182),
    "sky": (152, 203, 232),
    "pink": (242, 162, 164),
    "brown": (160, 110, 76),
    "grey": (200, 200, 210),
    "paper": PAPER,
}

_OVERSAMPLING = 3
_STROKE = 3.8
"""Width of the outline, in hundredths of the image's side."""
_SHINE = 3.0

# Each part is a fill and a path on a canvas of 100 × 100, painted in order. Paths are written as
# in SVG (absolute M, L, Q, C, Z) with one more: ``O x y rx ry`` is an ellipse. The fill ``ink``
# makes a solid part, ``-`` an open line, and ``shine`` a white stroke, to be seen on colour only.
_PARTS: dict[str, tuple[tuple[str, str], ...]] = {
    "apple": (
        (
            "red",
            (
                "M50 36 C42 26 14 26 14 56 C14 78 32 94 44 89 Q50 86.5 56 89 C68 94 86 78 86 56"
                " C86 26 58 26 50 36 Z"
            ),
        ),
        ("-", "M50 38 Q49 24 54 14"),
        ("green", "M54 26 Q58 10 78 12 Q76 28 54 26 Z"),
        ("shine", "M25 58 Q24 46 33 41"),
    ),
    "balloon": (
        ("-", "M50 72 Q42 80 50 86 Q56 91 50 96"),
        ("pink", "M44 74 L56 74 L50 66 Z"),
        (
            "pink",
            "M50 68 C28 58 20 44 22 32 C24 16 36 7 50 7 C64 7 76 16 78 32 C80 44 72 58 50 68 Z",
        ),
        ("shine", "M34 36 Q34 24 43 19"),
    ),
    "bell": (
        ("orange", "O50 80 9 9"),
        (
            "yellow",
            "M50 17 C74 17 72 46 76 60 Q78 68 86 76 L14 76 Q22 68 24 60 C28 46 26 17 50 17 Z",
        ),
        ("yellow", "O50 14 6 6"),
        ("-", "M23 63 L77 63"),
        ("shine", "M36 48 Q37 34 44 29"),
    ),
    "boat": (
        ("-", "M50 12 L50 66"),
        ("cream", "M55 16 Q82 34 84 58 L55 58 Z"),
        ("orange", "M45 26 Q24 42 20 58 L45 58 Z"),
        ("red", "M10 66 L90 66 Q86 88 70 88 L30 88 Q14 88 10 66 Z"),
        ("shine", "M22 73 Q25 80 33 80"),
    ),
    "book": (
        ("blue", "M10 28 Q32 22 50 34 Q68 22 90 28 L90 82 Q68 77 50 88 Q32 77 10 82 Z"),
        ("cream", "M18 20 Q38 16 50 30 L50 80 Q38 68 18 72 Z"),
        ("cream", "M82 20 Q62 16 50 30 L50 80 Q62 68 82 72 Z"),
        ("-", "M27 36 Q36 36 42 42"),
        ("-", "M27 50 Q36 50 42 56"),
        ("-", "M73 36 Q64 36 58 42"),
        ("-", "M73 50 Q64 50 58 56"),
    ),
    "cactus": (
        (
            "green",
            (
                "M38 74 L38 62 L30 62 C18 62 16 54 16 46 L16 42 C16 34 28 34 28 42 L28 48 Q28 50 31 50"
                " L38 50 L38 24 C38 6 62 6 62 24 L62 42 L69 42 Q72 42 72 39 L72 33 C72 25 84 25 84 33"
                " L84 38 C84 48 80 54 70 54 L62 54 L62 74 Z"
            ),
        ),
        ("pink", "O50 12 6 6"),
        ("-", "M50 30 L50 36"),
        ("-", "M46 50 L46 56"),
        ("-", "M54 62 L54 66"),
        ("orange", "M28 72 L72 72 L66 92 L34 92 Z"),
    ),
    "candle": (
        ("orange", "M50 6 Q66 24 58 34 Q50 41 42 34 Q34 24 50 6 Z"),
        ("yellow", "M50 22 Q56 30 50 35 Q44 30 50 22 Z"),
        ("cream", "M37 46 Q50 40 63 46 L63 80 L37 80 Z"),
        ("-", "M50 44 L50 36"),
        ("-", "M46 46 Q48 60 44 60"),
        ("teal", "M18 78 L82 78 Q80 92 66 92 L34 92 Q20 92 18 78 Z"),
    ),
    "cloud": (
        (
            "sky",
            "M28 76 C6 76 6 48 26 48 C26 20 66 16 70 42 C94 40 96 76 72 76 Z",
        ),
        ("-", "M34 84 L30 94"),
        ("-", "M52 84 L48 94"),
        ("-", "M70 84 L66 94"),
        ("shine", "M36 44 Q40 34 50 33"),
    ),
    "cup": (
        ("cream", "O74 56 15 15"),
        ("paper", "O74 56 7 7"),
        ("teal", "M18 36 L74 36 L72 70 Q70 88 54 88 L38 88 Q22 88 20 70 Z"),
        ("brown", "O46 36 28 8"),
        ("-", "M38 22 Q34 16 38 8"),
        ("-", "M54 22 Q50 16 54 8"),
        ("shine", "M28 54 Q28 70 33 77"),
    ),
    "fish": (
        ("orange", "M66 50 Q78 34 92 28 Q86 50 92 72 Q78 66 66 50 Z"),
        ("orange", "M8 52 Q22 26 46 26 Q66 28 76 50 Q66 74 46 76 Q22 76 8 52 Z"),
        ("cream", "M40 26 Q52 10 62 16 Q58 24 60 32 Z"),
        ("-", "M54 38 Q62 50 54 64"),
        ("ink", "O28 45 3.4 3.4"),
        ("-", "M18 58 Q24 62 29 58"),
    ),
    "flower": (
        ("-", "M50 52 Q52 74 48 94"),
        ("green", "M50 84 Q56 64 76 64 Q74 82 50 84 Z"),
        ("green", "M49 90 Q44 72 26 74 Q28 90 49 90 Z"),
        ("pink", "O50 20 12.5 12.5"),
        ("pink", "O68 33 12.5 12.5"),
        ("pink", "O61 53 12.5 12.5"),
        ("pink", "O39 53 12.5 12.5"),
        ("pink", "O32 33 12.5 12.5"),
        ("yellow", "O50 39 11 11"),
    ),
    "hat": (
        ("blue", "O50 76 42 12"),
        ("blue", "M30 74 L27 26 Q50 16 73 26 L70 74 Q50 82 30 74 Z"),
        ("red", "M29 58 Q50 66 71 58 L70 74 Q50 82 30 74 Z"),
        ("shine", "M36 32 L37 48"),
    ),
    "heart": (
        (
            "red",
            "M50 88 C10 60 6 42 12 28 C20 10 42 12 50 30 C58 12 80 10 88 28 C94 42 90 60 50 88 Z",
        ),
        ("shine", "M22 42 Q21 30 30 26"),
    ),
    "house": (
        ("orange", "M64 42 L64 14 L77 14 L77 42 Z"),
        ("cream", "M21 46 L79 46 L79 90 L21 90 Z"),
        ("red", "M8 52 Q30 34 50 12 Q70 34 92 52 Z"),
        ("brown", "M41 90 L41 72 Q41 62 50 62 Q59 62 59 72 L59 90 Z"),
        ("ink", "O54.5 77 1.8 1.8"),
        ("sky", "O50 40 6 6"),
    ),
    "key": (
        ("yellow", "M46 43 L92 43 L92 68 L80 68 L80 57 L74 57 L74 64 L63 64 L63 57 L46 57 Z"),
        ("yellow", "O29 50 22 22"),
        ("paper", "O27 50 8.5 8.5"),
        ("shine", "M17 42 Q20 36 26 34"),
    ),
    "lantern": (
        ("-", "M50 22 Q50 8 50 8"),
        ("red", "M34 22 L66 22 L66 32 L34 32 Z"),
        ("yellow", "M34 32 Q14 52 34 74 L66 74 Q86 52 66 32 Z"),
        ("-", "M43 32 Q36 52 43 74"),
        ("-", "M57 32 Q64 52 57 74"),
        ("red", "M34 74 L66 74 L66 83 L34 83 Z"),
        ("-", "M50 83 L50 95"),
    ),
    "leaf": (
        ("green", "M20 82 C8 44 38 14 86 14 C88 60 62 94 20 82 Z"),
        ("-", "M10 92 Q34 66 66 36"),
        ("-", "M40 62 Q42 50 39 42"),
        ("-", "M48 54 Q58 58 66 55"),
    ),
    "mail": (
        (
            "cream",
            "M10 28 Q10 24 14 24 L86 24 Q90 24 90 28 L90 76 Q90 80 86 80 L14 80 Q10 80 10 76 Z",
        ),
        ("-", "M12 78 L38 54"),
        ("-", "M88 78 L62 54"),
        ("cream", "M12 27 Q34 50 50 60 Q66 50 88 27"),
        (
            "red",
            (
                "M50 71 C38 63 38 56 42 53.5 C46 51 49 54 50 57 C51 54 54 51 58 53.5"
                " C62 56 62 63 50 71 Z"
            ),
        ),
    ),
    "moon": (
        ("yellow", "M60 8 C14 10 4 62 40 84 C58 94 78 86 86 70 C52 74 36 38 60 8 Z"),
        ("ink", "O34 52 2.6 2.6"),
        ("-", "M36 64 Q42 68 48 65"),
        ("shine", "M24 44 Q25 34 31 27"),
        ("cream", "M76 22 Q78 32 88 34 Q78 36 76 46 Q74 36 64 34 Q74 32 76 22 Z"),
    ),
    "mushroom": (
        ("cream", "M38 54 Q42 74 34 86 Q34 92 50 92 Q66 92 66 86 Q58 74 62 54 Z"),
        ("red", "M50 12 C76 12 92 34 90 50 Q88 60 74 59 L26 59 Q12 60 10 50 C8 34 24 12 50 12 Z"),
        ("cream", "O32 42 7 7"),
        ("cream", "O55 29 8 8"),
        ("cream", "O73 46 5.5 5.5"),
    ),
    "rocket": (
        ("orange", "M40 74 Q38 88 50 96 Q62 88 60 74 Z"),
        ("yellow", "M45 74 Q44 82 50 87 Q56 82 55 74 Z"),
        ("blue", "M36 46 Q18 56 18 80 Q28 72 40 72 Z"),
        ("blue", "M64 46 Q82 56 82 80 Q72 72 60 72 Z"),
        ("cream", "M50 5 Q76 34 63 74 L37 74 Q24 34 50 5 Z"),
        ("red", "M50 5 Q60 15 65 28 Q50 34 35 28 Q40 15 50 5 Z"),
        ("sky", "O50 48 9 9"),
    ),
    "star": (
        (
            "yellow",
            (
                "M50 8 Q54 9 60 32 Q62 36 66 36 Q91 37 92 41 Q92 45 72 58 Q69 61 70 65 Q77 88 73 90"
                " Q70 91 53 77 Q50 75 47 77 Q30 91 27 90 Q23 88 30 65 Q31 61 28 58 Q8 45 8 41"
                " Q9 37 34 36 Q38 36 40 32 Q46 9 50 8 Z"
            ),
        ),
        ("ink", "O42 49 2.8 2.8"),
        ("ink", "O58 49 2.8 2.8"),
        ("-", "M43 59 Q50 65 57 59"),
    ),
    "tree": (
        ("brown", "M43 66 L57 66 L58 93 L42 93 Z"),
        ("teal", "M50 36 Q66 64 84 74 Q50 82 16 74 Q34 64 50 36 Z"),
        ("green", "M50 20 Q64 46 79 55 Q50 63 21 55 Q36 46 50 20 Z"),
        ("green", "M50 5 Q60 26 72 34 Q50 42 28 34 Q40 26 50 5 Z"),
        ("shine", "M44 25 Q42 29 38 31"),
    ),
    "umbrella": (
        ("-", "M50 16 L50 8"),
        ("-", "M50 54 L50 82 Q50 92 42 92 Q34 92 34 84"),
        (
            "red",
            (
                "M50 15 C78 15 92 36 92 57 Q81 47 71 57 Q60 47 50 57 Q40 47 29 57 Q19 47 8 57"
                " C8 36 22 15 50 15 Z"
            ),
        ),
        ("cream", "M50 15 Q68 30 71 57 Q60 47 50 57 Q40 47 29 57 Q32 30 50 15 Z"),
    ),
}

ICONS: tuple[str, ...] = tuple(_PARTS)
"""What can be drawn, by name."""


def icon(name: str, size: int = 1024, style: Style = "colour") -> Image.Image:
    """Return one icon on white, ``size`` × ``size`` pixels, RGB.

    Raises:
        InputError: there is no icon or no style of that name.
    """
    from PIL import Image, ImageDraw

    if name not in _PARTS:
        raise InputError(
            f"There is no icon called {shown(name, 40)}.", remedy="drawings.ICONS lists them."
        )
    if style not in ("colour", "line"):
        raise InputError(
            f"There is no style called {shown(style, 40)}.", remedy='Use "colour" or "line".'
        )
    side = size * _OVERSAMPLING
    drawing = Image.new("RGB", (side, side), PAPER)
    canvas = ImageDraw.Draw(drawing)
    for fill, path in _PARTS[name]:
        _paint(canvas, fill, path, scale=side / 100, style=style)
    return drawing.reduce(_OVERSAMPLING)


def draw_icons(
    folder: str | Path, *, style: Style = "colour", count: int | None = None, size: int = 1024
) -> Path:
    """Draw the first ``count`` icons (all of them by default) into ``folder`` and return it.

    What is there already is left as it is, so that a cell can be run again.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ICONS[:count]:
        path = folder / f"{name}.png"
        if not path.exists():
            icon(name, size, style).save(path)
    return folder


def draw_pairs(folder: str | Path, *, count: int | None = None, size: int = 1024) -> Path:
    """Draw icons twice, ``line/NAME.png`` and ``colour/NAME.png``, and return ``folder``."""
    folder = Path(folder)
    draw_icons(folder / "line", style="line", count=count, size=size)
    draw_icons(folder / "colour", style="colour", count=count, size=size)
    return folder


def _paint(
    canvas: ImageDraw.ImageDraw, fill: str, path: str, *, scale: float, style: Style
) -> None:
    points = [(x * scale, y * scale) for x, y in _points(path)]
    if fill == "shine":
        _stroke(canvas, points, PAPER, round(_SHINE * scale))
        return
    if fill == "ink":
        canvas.polygon(points, fill=INK)
        return
    if fill != "-":
        # The line version fills with paper, so that what is behind stays hidden there, too.
        canvas.polygon(points, fill=_PALETTE[fill] if style == "colour" else PAPER)
    _stroke(canvas, points, INK, round(_STROKE * scale))


def _stroke(
    canvas: ImageDraw.ImageDraw, points: list[Point], colour: tuple[int, int, int], width: int
) -> None:
    """Draw a line with round ends and round corners."""
    canvas.line(points, fill=colour, width=max(1, width))
    r = width / 2
    for x, y in points:
        canvas.ellipse((x - r, y - r, x + r, y + r), fill=colour)


def _points(path: str) -> Iterator[Point]:
    """Yield the points of a path, curves in short pieces."""
    at = start = (0.0, 0.0)
    for command, given in re.findall(r"([MLQCZO])([^MLQCZO]*)", path):
        numbers = [float(n) for n in given.split()]
        if command == "O":
            x, y, rx, ry = numbers
            yield from _ellipse(x, y, rx, ry)
            continue
        corners = list(zip(numbers[::2], numbers[1::2], strict=True))
        if command == "M":
            start = corners[0]
        if command == "Z":
            corners = [start]
        if command in "QC":
            yield from _curve([at, *corners])
        else:
            yield from corners
        at = corners[-1]


def _curve(corners: list[Point], pieces: int = 24) -> Iterator[Point]:
    """Yield points of a Bézier curve of any degree (de Casteljau)."""
    for piece in range(1, pieces + 1):
        t, left = piece / pieces, corners
        while len(left) > 1:
            left = [
                (ax + (bx - ax) * t, ay + (by - ay) * t) for (ax, ay), (bx, by) in pairwise(left)
            ]
        yield left[0]


def _ellipse(x: float, y: float, rx: float, ry: float) -> Iterator[Point]:
    for piece in range(65):
        angle = math.tau * piece / 64
        yield x + rx * math.cos(angle), y + ry * math.sin(angle)
