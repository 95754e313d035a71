"""Shoes, seen from the side, and bags, seen from the front; parts from back to front."""

import numpy as np

from sample.geometry import Paint, Part, Traits, between, box, ellipse, fill, line, mirror, ranged, smooth


def sneaker(traits: Traits) -> list[Part]:
    """Draw a sneaker: thick sole, laces, a stripe or a patch on the side; some are high."""
    collar = -0.25 if traits[0] < 0.75 else -0.6
    rim = [(-0.85, collar), (-0.45, collar + 0.1), (-0.2, collar + 0.02)]
    upper = smooth([*rim, (0.3, 0.02), (0.8, 0.14), (0.92, 0.4), (-0.85, 0.4)])
    toe = smooth([(0.55, 0.12), (0.85, 0.16), (0.92, 0.35), (0.5, 0.35)])
    sole = smooth([(-0.92, 0.3), (0, 0.34), (0.95, 0.3), (0.98, 0.45), (0.8, 0.52), (-0.85, 0.52)])
    parts = [fill(upper, Paint.MAIN), fill(toe, Paint.LIGHT)]
    along = np.linspace(0, 1, 4)
    top = np.array([-0.12, collar + 0.14]) + along[:, None] * (np.array([0.42, 0.1]) - (-0.12, collar + 0.14))
    parts += [line([(x - 0.09, y + 0.1), (x + 0.05, y - 0.05)], Paint.PALE, 0.045) for x, y in top]
    if traits[1] < 0.5:
        parts.append(line([(-0.55, 0.28), (-0.1, 0.05), (0.1, 0.28)], Paint.SECOND, 0.07))
    else:
        patch = smooth([(-0.85, collar + 0.1), (-0.62, collar + 0.15), (-0.6, 0.3), (-0.85, 0.3)])
        parts.append(fill(patch, Paint.SECOND))
    return [*parts, fill(sole, Paint.PALE if traits[2] < 0.75 else Paint.INK)]


def pump(traits: Traits) -> list[Part]:
    """Draw a pump: thin or block heel of any height, closed or with a strap."""
    floor = 0.6
    back = floor - between(0.2, 0.8, traits[0])  # of the sole under the heel
    thick = 0.06 if traits[1] < 0.65 else 0.2
    rim = [(-0.84, back - 0.42), (-0.66, back - 0.3), (-0.3, back * 0.7 - 0.02), (0.1, back * 0.3 + 0.22)]
    toe = [(0.36, 0.2), (0.68, 0.3), (0.96, floor - 0.06), (0.6, floor), (0.3, floor - 0.02)]
    arch = [(-0.2, back * 0.55 + 0.24), (-0.55, back + 0.06), (-0.86, back)]
    heel = fill([(-0.87, back - 0.1), (-0.5, back), (thick - 0.82, floor), (-0.84, floor)], Paint.DARK)
    parts = [heel, fill(smooth([*rim, *toe, *arch]), Paint.MAIN)]
    if traits[2] < 0.3:
        parts.append(line([(-0.8, back - 0.38), (-0.35, back - 0.42), (0.05, back * 0.3 + 0.24)], Paint.DARK, 0.05))
    elif traits[2] < 0.5:
        parts.append(fill(ellipse(0.5, 0.3, 0.1), Paint.METAL))
    return parts


def _boot(traits: Traits) -> list[Part]:
    shaft, heel = ranged(traits, (-0.85, -0.5), (0.05, 0.2))
    front = [
        (-0.72, shaft),
        (-0.35, shaft - 0.02),
        (-0.02, shaft),
        (0.0, -0.12),
        (0.35, 0.08),
        (0.8, 0.2),
        (0.93, 0.45),
    ]
    back = [(0.5, 0.5), (-0.3, 0.48 - heel * 0.5), (-0.76, 0.48 - heel * 0.5), (-0.7, -0.1)]
    return [
        fill(box(-0.78, 0.4 - heel * 0.5, -0.42, 0.58), Paint.INK),
        fill(smooth([*front, *back]), Paint.MAIN),
        line([(-0.4, 0.5 - heel * 0.4), (0.1, 0.52), (0.92, 0.5)], Paint.INK, 0.07),
    ]


def ankle_boot(traits: Traits) -> list[Part]:
    """Draw an ankle boot with a zip, laces or a buckle; very much like a Chelsea boot."""
    parts = _boot(traits)
    if traits[2] < 0.45:
        return [*parts, line([(-0.3, between(-0.8, -0.45, traits[0])), (-0.28, 0.2)], Paint.METAL, 0.035)]
    if traits[2] < 0.75:
        laces = np.linspace(-0.45, 0.0, 4)
        return parts + [line([(-0.2, y + 0.05), (0.05 + max(0, y + 0.2), y)], Paint.PALE, 0.04) for y in laces]
    strap = line([(-0.7, -0.2), (0.02, -0.15)], Paint.DARK, 0.09)
    return [*parts, strap, fill(ellipse(-0.1, -0.17, 0.07), Paint.METAL)]


def chelsea_boot(traits: Traits) -> list[Part]:
    """Draw a Chelsea boot: elastic at the side, a loop at the back."""
    shaft = between(-0.85, -0.5, traits[0])
    gore = [(-0.5, shaft + 0.02), (-0.18, shaft + 0.02), (-0.25, -0.05), (-0.35, 0.06), (-0.44, -0.05)]
    parts = [*_boot(traits), fill(gore, Paint.DARK)]
    if traits[2] < 0.6:
        parts.insert(0, line(ellipse(-0.68, shaft, 0.06, 0.13), Paint.INK, 0.035))
    return parts


def _carrier(traits: Traits, half: float, top: float, slope: float, bottom: float) -> list[Part]:
    handle = line(ellipse(0, top, 0.28, between(0.4, 0.62, traits[1]), (0.5, 1)), Paint.DARK, 0.06)
    return [handle, fill(mirror([(half + slope, top), (half, bottom)]), Paint.MAIN)]


def tote(traits: Traits) -> list[Part]:
    """Draw a tote: wide, two handles, some with a trim or a charm."""
    half = between(0.5, 0.68, traits[0])
    parts = _carrier(traits, half, -0.25, 0.1, 0.7)
    if traits[2] < 0.4:
        parts.append(fill(box(-half, 0.52, half, 0.7), Paint.DARK))
    if traits[3] < 0.4:
        parts.append(fill(ellipse(0.3, 0.0, 0.06, 0.12), Paint.METAL))
    return [*parts, line(ellipse(0, -0.2, 0.24, 0.4, (0.5, 1)), Paint.DARK, 0.05)]


def shopper(traits: Traits) -> list[Part]:
    """Draw a shopper: a tote that is a little taller, some with a printed mark."""
    parts = _carrier(traits, between(0.5, 0.68, traits[0]), -0.3, 0.03, 0.8)
    if traits[2] < 0.35:
        parts.append(fill(box(-0.25, 0.15, 0.25, 0.3), Paint.SECOND))
    elif traits[2] < 0.5:
        parts.append(fill(ellipse(0, 0.25, 0.2), Paint.SECOND))
    return [*parts, line(ellipse(0, -0.25, 0.26, 0.42, (0.5, 1)), Paint.DARK, 0.045)]


def clutch(traits: Traits) -> list[Part]:
    """Draw a clutch: flat and oblong, an envelope's flap or a frame, some on a chain."""
    down, wide = ranged(traits, (0.3, 0.45), (0.75, 0.92))
    parts = [fill(box(-wide, -down, wide, down), Paint.MAIN)]
    if traits[2] < 0.6:
        parts.append(fill([(-wide, -down), (wide, -down), (0, between(0, 0.2, traits[3]))], Paint.DARK))
        parts.append(fill(ellipse(0, between(-0.04, 0.14, traits[3]), 0.07), Paint.METAL))
    else:
        parts.append(line([(-wide, -down), (wide, -down)], Paint.METAL, 0.09))
        parts += [fill(ellipse(x, -down - 0.08, 0.06), Paint.METAL) for x in (-0.06, 0.06)]
    if traits[3] < 0.4:
        parts.insert(0, line(ellipse(0, -down, wide * 0.8, 0.45, (0.5, 1)), Paint.METAL, 0.03))
    return parts


def shoulder_bag(traits: Traits) -> list[Part]:
    """Draw a shoulder bag: rounded, a flap with a lock, a long strap or chain."""
    half, top, bottom = ranged(traits, (0.48, 0.68), (-0.15, 0.05), (0.6, 0.78))
    edge = [(-half, top), (0, top - 0.03), (half, top)]
    body = smooth([*edge, (half + 0.04, bottom - 0.1), (0, bottom), (-half - 0.04, bottom - 0.1)])
    flap = smooth([*edge, (half, top + 0.25), (0, top + 0.4), (-half, top + 0.25)])
    strap = Paint.METAL if traits[3] < 0.4 else Paint.DARK
    return [
        line(ellipse(0, top + 0.05, half * 0.9, 0.95 + top, (0.5, 1)), strap, 0.05),
        fill(body, Paint.MAIN),
        fill(flap, Paint.DARK if traits[3] < 0.7 else Paint.LIGHT),
        fill(box(-0.07, top + 0.3, 0.07, top + 0.46), Paint.METAL),
    ]
