"""Draws one view of a product: backdrop, props, the product in its pose, the camera.

Letters: S pixels a side of the drawing, which is `SUPERSAMPLING` times the side of the picture.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from sample.chance import Purpose, Random, generator, pick
from sample.colours import BACKDROPS, PROPS, RGB
from sample.geometry import Paint, Part, Points, box, ellipse
from sample.patterns import pattern_share
from sample.product import Product

SUPERSAMPLING = 2
WHITE: RGB = (255, 255, 255)
BLACK: RGB = (0, 0, 0)

TURNS = {"clothing": 0.012, "shoes": 0.015, "bags": 0.012, "beauty": 0.02, "jewellery": 0.025, "home": 0.01}
"""How far a product may lean to either side, in turns: a watch at any angle, a mug upright."""


@dataclass(frozen=True)
class Pose:
    """The position of a product in the drawing.

    Attributes:
        matrix: 2 × 2, from the frame of the product to pixels.
        centre: 2, pixels.
    """

    matrix: Points
    centre: Points

    def place(self, points: Points) -> Points:
        """Return points of the product's frame (P × 2) in pixels."""
        return points @ self.matrix.T + self.centre


def draw_view(seed: int, product: Product, view: int, size: int) -> Image.Image:
    """Draw one view of a product.

    Args:
        seed: of the sample.
        product: what to draw.
        view: counts from 1; changes pose, backdrop, props and light.
        size: pixels a side.

    Returns:
        An RGB picture of `size` × `size`.
    """
    random = generator(Purpose.VIEW, seed, product.number, view)
    side = size * SUPERSAMPLING
    # Squaring prefers the bright backdrops at the front of the table, as shops do.
    backdrop = BACKDROPS[int(random.random() ** 2 * len(BACKDROPS))]
    canvas = _draw_backdrop(random, side, backdrop)
    _draw_props(random, canvas)
    parts = product.leaf.draw(product.traits)
    pose = _choose_pose(random, product, side)
    _draw_shadow(random, canvas, parts, pose, backdrop)
    _draw_product(random, canvas, product, parts, pose)
    return _photograph(random, canvas.reduce(SUPERSAMPLING))


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """Mix two colours; `share` is that of the second."""
    mixed = [round(a + (b - a) * share) for a, b in zip(first, second, strict=True)]
    return mixed[0], mixed[1], mixed[2]


def _draw_backdrop(random: Random, side: int, colour: RGB) -> Image.Image:
    """Return a plain backdrop (S × S), one that fades, or a wall with a floor."""
    canvas = Image.new("RGB", (side, side), colour)
    kind = random.random()
    other = mix(colour, pick(random, PROPS), 0.5)
    if kind < 0.2:
        fade = Image.linear_gradient("L").resize((side, side))
        canvas.paste(other, mask=fade if kind < 0.12 else fade.rotate(90))
    elif kind < 0.35:
        floor = round(side * random.uniform(0.6, 0.85))
        canvas.paste(other, (0, floor, side, side))
    return canvas


def _draw_props(random: Random, canvas: Image.Image) -> None:
    """Lay up to two leaves, trays or cards near the edges."""
    draw = ImageDraw.Draw(canvas)
    side = canvas.width
    for _ in range(int(random.random() ** 2 * 3)):
        angle = random.uniform(0, 2 * np.pi)
        centre = side * (0.5 + random.uniform(0.46, 0.62) * np.array([np.cos(angle), np.sin(angle)]))
        across, down = side * random.uniform(0.05, 0.16, 2)
        outline = ellipse(0, 0, across, down)
        if random.random() < 0.4:
            outline = box(-across, -down, across, down)
        turned = outline @ _rotation(random.uniform(0, 1)).T + centre
        draw.polygon(_flat(turned), fill=pick(random, PROPS))


def _choose_pose(random: Random, product: Product, side: int) -> Pose:
    """Choose the pose of the product: rotation, scale, shift, perspective, mirroring."""
    lean = TURNS[product.leaf.top]
    scale = side / 2 * random.uniform(0.86, 0.98)
    if random.random() < 0.05:
        scale *= 1.25  # a close-up, cut off by the frame
    squeeze = np.diag([random.uniform(0.92, 1.0), random.uniform(0.95, 1.0)])
    shear = np.array([(1, random.uniform(-0.04, 0.04)), (0, 1)])
    flip = np.diag([1 if random.random() < 0.8 else -1, 1])
    matrix = scale * _rotation(random.normal(0, lean)) @ shear @ squeeze @ flip
    return Pose(matrix, side * (0.5 + random.normal(0, 0.02, 2).clip(-0.06, 0.06)))


def _rotation(turns: float) -> Points:
    angle = 2 * np.pi * turns
    return np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])


def _flat(points: Points) -> list[float]:
    return points.ravel().tolist()


def _draw_part(draw: ImageDraw.ImageDraw, part: Part, pose: Pose, colour: RGB | int) -> None:
    points = _flat(pose.place(part.points))
    if part.width:
        scale = float(np.sqrt(abs(np.linalg.det(pose.matrix))))
        draw.line(points, fill=colour, width=max(1, round(part.width * scale)), joint="curve")
    else:
        draw.polygon(points, fill=colour)


def _draw_shadow(random: Random, canvas: Image.Image, parts: list[Part], pose: Pose, backdrop: RGB) -> None:
    """Drop a shadow of every part to one side, or none."""
    if random.random() < 0.35:
        return
    offset = canvas.width * np.array([random.uniform(-0.02, 0.03), random.uniform(0.005, 0.03)])
    fallen = Pose(pose.matrix, pose.centre + offset)
    draw = ImageDraw.Draw(canvas)
    for part in parts:
        _draw_part(draw, part, fallen, mix(backdrop, BLACK, 0.16))


def _draw_product(random: Random, canvas: Image.Image, product: Product, parts: list[Part], pose: Pose) -> None:
    """Paint the parts, back to front."""
    main, draw = product.colour.rgb, ImageDraw.Draw(canvas)
    paints: dict[Paint, RGB] = {
        Paint.SECOND: product.second.rgb,
        Paint.DARK: mix(main, BLACK, 0.3) if sum(main) > 180 else mix(main, WHITE, 0.2),
        Paint.LIGHT: mix(main, WHITE, 0.35),
        Paint.METAL: product.metal[1],
        Paint.INK: (44, 42, 44),
        Paint.PALE: (242, 240, 234),
        Paint.GLASS: (206, 218, 226),
        Paint.FLAME: (248, 176, 62),
    }
    cloth = _draw_cloth(random, canvas.width, product, pose)
    edge = mix(main, BLACK, 0.35)
    for part in parts:
        if part.paint is not Paint.MAIN:
            _draw_part(draw, part, pose, paints[part.paint])
            continue
        mask = Image.new("L", canvas.size)
        _draw_part(ImageDraw.Draw(mask), part, pose, 255)
        canvas.paste(cloth, mask=mask)
        if not part.width:
            points = pose.place(part.points)
            draw.line(_flat(np.concatenate([points, points[:1]])), fill=edge, width=SUPERSAMPLING)


def _draw_cloth(random: Random, side: int, product: Product, pose: Pose) -> Image.Image:
    """Return colour, pattern and light of the product over the whole drawing (S × S).

    The pattern turns and shrinks with the product.
    """
    inverse = np.linalg.inv(pose.matrix).astype(np.float32)
    pixels = np.arange(side, dtype=np.float32) + 0.5
    x, y = pixels[None, :] - np.float32(pose.centre[0]), pixels[:, None] - np.float32(pose.centre[1])
    u, v = inverse[0, 0] * x + inverse[0, 1] * y, inverse[1, 0] * x + inverse[1, 1] * y
    light = 1.0 + random.uniform(-0.14, 0.14) * u + random.uniform(-0.1, 0.02) * v
    light += random.uniform(0, 0.06) * np.sin(random.uniform(4, 9) * u + 2 * v)
    colour = np.array(product.colour.rgb, np.float32)
    if product.pattern != "plain":
        share = pattern_share(product.pattern, u * product.pitch, v * product.pitch)
        colour = colour + share[:, :, None] * (np.array(product.second.rgb, np.float32) - colour)
    painted = colour * light[:, :, None]
    return Image.fromarray(painted.clip(0, 255, out=painted).astype(np.uint8))


def _photograph(random: Random, picture: Image.Image) -> Image.Image:
    """Add the effects of a camera: exposure, a tint, grain."""
    light = random.uniform(0.94, 1.03) * random.uniform(0.985, 1.015, 3)
    grain = random.standard_normal(picture.size, dtype=np.float32)[:, :, None] * random.uniform(0.5, 2)
    pixels = np.asarray(picture, dtype=np.float32) * light.astype(np.float32) + grain
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
