"""A set of icons in one hand, drawn by the project itself.

Tutorials, tests and the local trainer's samples use them, so that none needs pictures of
somebody else's. Each is drawn on a canvas of 100 × 100 with a thick outline and flat colours;
the line version is the same drawing without its fills.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from phoenix_nbtrain.errors import InputError, shown

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

__all__ = ["ICONS", "Style", "draw_icons", "draw_pairs", "icon"]

Style = Literal["colour", "line"]
Point = tuple[float, float]

INK = (43, 37, 51)
CREAM, RED, ORANGE, YELLOW = (255, 244, 222), (226, 85, 74), (240, 146, 66), (248, 200, 86)
GREEN, TEAL, BLUE, SKY = (120, 176, 92), (66, 153, 148), (70, 112, 178), (150, 200, 230)
PINK, BROWN, GREY = (240, 158, 160), (158, 108, 74), (196, 196, 206)

_OVERSAMPLING = 3
_STROKE = 3.6


class _Pen:
    """Draws in units of a hundredth of the picture's side."""

    def __init__(self, canvas: ImageDraw.ImageDraw, scale: float, style: Style) -> None:
        self._canvas = canvas
        self._scale = scale
        self._filled = style == "colour"
        self._width = max(1, round(_STROKE * scale))

    def _at(self, points: list[Point]) -> list[Point]:
        return [(x * self._scale, y * self._scale) for x, y in points]

    def line(self, *points: Point) -> None:
        """Draw an open outline with round ends and corners."""
        placed, r = self._at(list(points)), self._width / 2
        self._canvas.line(placed, fill=INK, width=self._width, joint="curve")
        for x, y in placed:
            self._canvas.ellipse((x - r, y - r, x + r, y + r), fill=INK)

    def shape(self, fill: tuple[int, int, int], *points: Point) -> None:
        """Draw a closed shape."""
        self._canvas.polygon(
            self._at(list(points)), fill=fill if self._filled else (255, 255, 255)
        )
        self.line(*points, points[0])

    def round(self, fill: tuple[int, int, int], x: float, y: float, rx: float, ry: float) -> None:
        """Draw an ellipse around ``(x, y)``."""
        self.union(fill, (x, y, rx, ry))

    def union(
        self, fill: tuple[int, int, int], *ellipses: tuple[float, float, float, float]
    ) -> None:
        """Draw ellipses, each ``(x, y, rx, ry)``, as one shape with one outline."""
        half = self._width / 2 / self._scale
        inside = fill if self._filled else (255, 255, 255)
        for colour, grown in ((INK, half), (inside, -half)):
            for x, y, rx, ry in ellipses:
                corners = [(x - rx - grown, y - ry - grown), (x + rx + grown, y + ry + grown)]
                (x0, y0), (x1, y1) = self._at(corners)
                self._canvas.ellipse((x0, y0, x1, y1), fill=colour)

    def box(
        self, fill: tuple[int, int, int], x0: float, y0: float, x1: float, y1: float, r: float = 5
    ) -> None:
        """Draw a rectangle with rounded corners."""
        self._canvas.rounded_rectangle(
            [*self._at([(x0, y0)])[0], *self._at([(x1, y1)])[0]],
            radius=r * self._scale,
            fill=fill if self._filled else (255, 255, 255),
            outline=INK,
            width=self._width,
        )

    def half(self, fill: tuple[int, int, int], x: float, y: float, rx: float, ry: float) -> None:
        """Draw the upper half of an ellipse around ``(x, y)``."""
        import math

        steps = [math.pi + math.pi * i / 24 for i in range(25)]
        self.shape(fill, *((x + rx * math.cos(a), y + ry * math.sin(a)) for a in steps))

    def dot(self, x: float, y: float, r: float = 2.4) -> None:
        """Draw a dot of ink."""
        x, y, r = x * self._scale, y * self._scale, r * self._scale
        self._canvas.ellipse((x - r, y - r, x + r, y + r), fill=INK)


def _apple(p: _Pen) -> None:
    p.union(RED, (39, 60, 22, 27), (61, 60, 22, 27))
    p.line((50, 42), (52, 22))
    p.shape(GREEN, (53, 28), (64, 16), (78, 18), (69, 30))


def _bell(p: _Pen) -> None:
    p.round(ORANGE, 50, 80, 8, 8)
    p.shape(YELLOW, (50, 18), (66, 28), (72, 60), (82, 74), (18, 74), (28, 60), (34, 28))
    p.round(YELLOW, 50, 17, 6, 6)
    p.line((30, 60), (70, 60))


def _boat(p: _Pen) -> None:
    p.line((50, 14), (50, 66))
    p.shape(CREAM, (54, 16), (84, 58), (54, 58))
    p.shape(ORANGE, (46, 26), (46, 58), (22, 58))
    p.shape(RED, (14, 66), (86, 66), (74, 86), (26, 86))


def _book(p: _Pen) -> None:
    p.shape(BLUE, (12, 26), (50, 34), (88, 26), (88, 78), (50, 86), (12, 78))
    p.shape(CREAM, (20, 22), (50, 30), (50, 78), (20, 70))
    p.shape(CREAM, (80, 22), (50, 30), (50, 78), (80, 70))
    p.line((28, 38), (42, 42))
    p.line((28, 50), (42, 54))
    p.line((72, 38), (58, 42))
    p.line((72, 50), (58, 54))


def _cactus(p: _Pen) -> None:
    p.box(GREEN, 18, 38, 32, 60, 7)
    p.box(GREEN, 68, 28, 82, 52, 7)
    p.box(GREEN, 22, 50, 48, 62, 6)
    p.box(GREEN, 52, 42, 80, 54, 6)
    p.box(GREEN, 39, 14, 61, 74, 11)
    p.shape(ORANGE, (30, 70), (70, 70), (64, 90), (36, 90))


def _candle(p: _Pen) -> None:
    p.box(CREAM, 38, 42, 62, 80, 4)
    p.line((50, 42), (50, 34))
    p.shape(ORANGE, (50, 8), (60, 24), (50, 34), (40, 24))
    p.line((44, 42), (44, 54))
    p.box(TEAL, 22, 78, 78, 90, 5)


def _cloud(p: _Pen) -> None:
    p.union(SKY, (30, 60, 18, 16), (70, 60, 18, 16), (50, 44, 22, 22), (50, 64, 28, 12))
    p.line((36, 86), (32, 94))
    p.line((52, 86), (48, 94))
    p.line((68, 86), (64, 94))


def _cup(p: _Pen) -> None:
    p.round(CREAM, 74, 52, 14, 14)
    p.box(TEAL, 20, 32, 70, 82, 12)
    p.round(BROWN, 45, 34, 24, 7)
    p.line((36, 22), (40, 12))
    p.line((52, 22), (56, 12))


def _fish(p: _Pen) -> None:
    p.shape(ORANGE, (68, 50), (92, 30), (88, 50), (92, 70))
    p.round(ORANGE, 44, 50, 32, 22)
    p.line((56, 34), (60, 50), (56, 66))
    p.round(CREAM, 28, 44, 5, 5)
    p.dot(28, 44)


def _flower(p: _Pen) -> None:
    p.line((50, 50), (50, 92))
    p.shape(GREEN, (50, 82), (64, 66), (76, 68), (66, 82))
    for x, y in ((50, 20), (68, 32), (62, 52), (38, 52), (32, 32)):
        p.round(PINK, x, y, 12, 12)
    p.round(YELLOW, 50, 38, 11, 11)


def _hat(p: _Pen) -> None:
    p.round(BLUE, 50, 74, 40, 10)
    p.box(BLUE, 30, 22, 70, 72, 7)
    p.box(RED, 30, 54, 70, 68, 2)


def _house(p: _Pen) -> None:
    p.box(ORANGE, 64, 16, 76, 40, 2)
    p.box(CREAM, 22, 46, 78, 88, 3)
    p.shape(RED, (12, 50), (50, 14), (88, 50))
    p.box(BROWN, 42, 62, 58, 88, 3)
    p.dot(54, 76, 1.8)


def _key(p: _Pen) -> None:
    p.box(YELLOW, 46, 44, 90, 56, 3)
    p.box(YELLOW, 66, 52, 74, 70, 2)
    p.box(YELLOW, 80, 52, 88, 66, 2)
    p.round(YELLOW, 30, 50, 20, 20)
    p.round((255, 255, 255), 28, 50, 8, 8)


def _lamp(p: _Pen) -> None:
    p.line((50, 50), (50, 84))
    p.shape(YELLOW, (36, 16), (64, 16), (78, 54), (22, 54))
    p.box(BROWN, 32, 80, 68, 90, 5)
    p.line((66, 54), (66, 66))


def _leaf(p: _Pen) -> None:
    p.shape(
        GREEN, (18, 82), (18, 52), (32, 30), (56, 18), (84, 16), (82, 44), (70, 68), (48, 82)
    )
    p.line((10, 90), (66, 34))
    p.line((36, 64), (34, 46))
    p.line((50, 50), (66, 54))


def _mail(p: _Pen) -> None:
    p.box(CREAM, 12, 26, 88, 78, 5)
    p.line((14, 30), (50, 58), (86, 30))
    p.round(RED, 50, 60, 8, 8)


def _mushroom(p: _Pen) -> None:
    p.box(CREAM, 38, 50, 62, 88, 10)
    p.half(RED, 50, 56, 38, 40)
    p.round(CREAM, 34, 42, 6, 6)
    p.round(CREAM, 54, 32, 7, 7)
    p.round(CREAM, 70, 46, 5, 5)


def _rocket(p: _Pen) -> None:
    p.shape(ORANGE, (40, 74), (60, 74), (50, 96))
    p.shape(BLUE, (36, 48), (18, 78), (38, 72))
    p.shape(BLUE, (64, 48), (82, 78), (62, 72))
    p.shape(GREY, (50, 6), (62, 24), (66, 48), (62, 74), (38, 74), (34, 48), (38, 24))
    p.round(SKY, 50, 40, 9, 9)


def _star(p: _Pen) -> None:
    p.shape(
        YELLOW,
        (50, 10),
        (61, 38),
        (90, 40),
        (67, 58),
        (76, 88),
        (50, 71),
        (24, 88),
        (33, 58),
        (10, 40),
        (39, 38),
    )
    p.dot(43, 50)
    p.dot(57, 50)
    p.line((45, 60), (50, 62), (55, 60))


def _tree(p: _Pen) -> None:
    p.box(BROWN, 43, 64, 57, 92, 2)
    p.shape(TEAL, (50, 34), (80, 74), (20, 74))
    p.shape(GREEN, (50, 20), (74, 54), (26, 54))
    p.shape(GREEN, (50, 6), (67, 34), (33, 34))


def _umbrella(p: _Pen) -> None:
    p.line((50, 20), (50, 82), (46, 88), (40, 88), (36, 82))
    p.half(RED, 50, 54, 40, 38)
    p.half(PINK, 50, 54, 14, 38)
    p.line((50, 16), (50, 8))


_DRAW: dict[str, Callable[[_Pen], None]] = {
    "apple": _apple,
    "bell": _bell,
    "boat": _boat,
    "book": _book,
    "cactus": _cactus,
    "candle": _candle,
    "cloud": _cloud,
    "cup": _cup,
    "fish": _fish,
    "flower": _flower,
    "hat": _hat,
    "house": _house,
    "key": _key,
    "lamp": _lamp,
    "leaf": _leaf,
    "mail": _mail,
    "mushroom": _mushroom,
    "rocket": _rocket,
    "star": _star,
    "tree": _tree,
    "umbrella": _umbrella,
}

ICONS: tuple[str, ...] = tuple(_DRAW)
"""What can be drawn, by name."""


def icon(name: str, size: int = 1024, style: Style = "colour") -> Image.Image:
    """Return one icon on white, ``size`` × ``size`` pixels, RGB.

    Raises:
        InputError: there is no icon of that name.
    """
    from PIL import Image, ImageDraw

    if name not in _DRAW:
        raise InputError(
            f"There is no icon called {shown(name, 40)}.", remedy="drawings.ICONS lists them."
        )
    side = size * _OVERSAMPLING
    picture = Image.new("RGB", (side, side), (255, 255, 255))
    _DRAW[name](_Pen(ImageDraw.Draw(picture), side / 100, style))
    return picture.resize((size, size), Image.Resampling.LANCZOS)


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
