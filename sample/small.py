"""Beauty, jewellery and things for the table; parts from back to front."""

import numpy as np

from sample.geometry import (
    Paint,
    Part,
    Traits,
    between,
    box,
    ellipse,
    fill,
    line,
    mirror,
    moved,
    ranged,
    sagging,
    smooth,
)


def _tube(half: float, top: float, bottom: float, case: Paint, band: float) -> list[Part]:
    return [
        fill(box(-half, top, half, bottom), case),
        fill(box(-half, band - 0.05, half, band + 0.05), Paint.METAL),
        line([(-half * 0.5, top + 0.06), (-half * 0.5, bottom - 0.06)], Paint.GLASS, half * 0.2),
    ]


def _case(trait: float) -> Paint:
    return Paint.INK if trait < 0.5 else Paint.METAL if trait < 0.7 else Paint.DARK


def lipstick(traits: Traits) -> list[Part]:
    """Draw a lipstick, open with its bullet out, or closed and then much like a mascara."""
    half = between(0.15, 0.22, traits[0])
    case = _case(traits[1])
    if traits[2] < 0.3:
        return _tube(half * 0.85, -0.75, 0.75, case, between(0.0, 0.25, traits[3]))
    tip = between(-0.8, -0.6, traits[3])
    wide = half * 0.7
    bullet = [(-wide, tip + 0.22), (half * 0.1, tip), (wide, tip + 0.05), (wide, 0.0), (-wide, 0.0)]
    parts = [fill(bullet, Paint.MAIN), fill(box(-half * 0.82, -0.1, half * 0.82, 0.2), Paint.METAL)]
    parts += _tube(half, 0.15, 0.85, case, 0.2)
    if traits[2] > 0.75:
        parts = moved(parts, -0.3, 0) + moved(_tube(half, -0.1, 0.85, case, 0.75), 0.35, 0)
    return parts


def mascara(traits: Traits) -> list[Part]:
    """Draw a mascara: a long tube, or its lower half beside the wand."""
    half = between(0.11, 0.16, traits[0])
    case = _case(traits[1])
    if traits[2] < 0.5:
        return _tube(half, between(-0.9, -0.75, traits[3]), 0.85, case, between(-0.2, 0.1, traits[3]))
    hairs = [line([(-0.08, y), (0.08, y + 0.04)], Paint.INK, 0.03) for y in np.linspace(-0.05, 0.5, 8)]
    wand = [line([(0, -0.1), (0, 0.55)], Paint.INK, 0.05), *hairs, *_tube(half, -0.9, -0.1, case, -0.15)]
    return moved(_tube(half, -0.05, 0.85, case, 0.0), -0.28, 0) + moved(wand, 0.28, 0.2)


def compact(traits: Traits) -> list[Part]:
    """Draw a compact of powder: open with its mirror, or from above; round or square."""
    radius = between(0.46, 0.6, traits[0])
    round_case = traits[1] < 0.7
    rim = _case(traits[3])

    def plate(y: float, size: float, down: float, paint: Paint) -> Part:
        return fill(ellipse(0, y, size, down) if round_case else box(-size, y - down, size, y + down), paint)

    if traits[2] < 0.55:
        return [
            plate(-0.42, radius * 0.95, radius * 0.8, rim),
            plate(-0.42, radius * 0.78, radius * 0.64, Paint.GLASS),
            plate(0.4, radius, radius * 0.7, rim),
            plate(0.38, radius * 0.8, radius * 0.54, Paint.MAIN),
        ]
    return [plate(0, radius * 1.2, radius * 1.2, rim), plate(0, radius * 0.98, radius * 0.98, Paint.MAIN)]


def perfume(traits: Traits) -> list[Part]:
    """Draw a bottle of perfume: square, round or tapered, with cap and label."""
    half, top = ranged(traits, (0.34, 0.52), (-0.35, -0.1))
    body = box(-half, top, half, 0.8)
    if traits[2] < 0.3:
        body = ellipse(0, 0.28, half * 1.15, 0.54)
    elif traits[2] < 0.55:
        body = mirror([(half * 0.5, top), (half * 1.05, 0.8)])
    return [
        fill(box(-0.1, top - 0.14, 0.1, top + 0.05), Paint.METAL),
        fill(box(-0.2, top - 0.42, 0.2, top - 0.1), Paint.METAL if traits[3] < 0.4 else Paint.INK),
        fill(body, Paint.LIGHT),
        fill((body - (0, 0.3)) * 0.8 + (0, 0.32), Paint.MAIN),
        fill(box(-half * 0.45, 0.2, half * 0.45, 0.5), Paint.PALE),
    ]


def cream(traits: Traits) -> list[Part]:
    """Draw a jar of cream: wide and low, with a lid."""
    half = between(0.55, 0.75, traits[0])
    top, bottom = between(-0.15, 0.0, traits[1]), between(0.4, 0.58, traits[1])
    lid = Paint.METAL if traits[2] < 0.45 else Paint.PALE if traits[2] < 0.75 else Paint.DARK
    return [
        fill(smooth(mirror([(half, top), (half * 0.97, bottom - 0.05), (half * 0.8, bottom)])), Paint.MAIN),
        fill(box(-half * 1.02, top - between(0.22, 0.34, traits[3]), half * 1.02, top), lid),
        fill(box(-half * 0.5, top + 0.15, half * 0.5, bottom - 0.1), Paint.PALE),
    ]


def serum(traits: Traits) -> list[Part]:
    """Draw a slim bottle with a pump or a dropper."""
    half, top = ranged(traits, (0.22, 0.34), (-0.25, -0.05))
    body = mirror([(half * 0.5, top - 0.05), (half, top + 0.1), (half, 0.88)])
    parts = [fill(body, Paint.MAIN), fill(box(-half * 0.7, 0.2, half * 0.7, 0.65), Paint.PALE)]
    collar = fill(box(-0.15, top - 0.2, 0.15, top), Paint.INK if traits[3] < 0.5 else Paint.METAL)
    if traits[2] < 0.5:
        spout = [(0, top - 0.1), (0, top - 0.42), (-0.32, top - 0.4)]
        return [line(spout, Paint.INK, 0.09), collar, *parts]
    return [fill(smooth(mirror([(0.1, top - 0.5), (0.12, top - 0.15)])), Paint.INK), collar, *parts]


def _twice(parts: list[Part], apart: float, scale: float, turn: float) -> list[Part]:
    return moved(parts, -apart, 0, scale, turn) + moved(parts, apart, 0.04, scale, -turn)


def earrings(traits: Traits) -> list[Part]:
    """Draw a pair of earrings: drops, hoops or studs."""
    stone = fill(ellipse(0, 0.3, 0.26, between(0.26, 0.5, traits[0])), Paint.MAIN)
    if traits[2] < 0.4:
        hook = [ellipse(0, -0.55, 0.13, 0.25, (0.4, 1.2)), np.array([(0, -0.35), (0, 0.1)])]
        parts = [line(part, Paint.METAL, 0.05) for part in hook]
        parts += [fill(ellipse(0, -0.28, 0.1), Paint.METAL), stone]
    elif traits[2] < 0.7:
        parts = [line(ellipse(0, 0, between(0.38, 0.6, traits[0])), Paint.METAL, between(0.07, 0.16, traits[1]))]
        parts.append(fill(ellipse(0, -0.5, 0.1), Paint.MAIN))
    else:
        face = ellipse(0, 0, 0.45) if traits[1] < 0.6 else box(-0.4, -0.4, 0.4, 0.4)
        parts = [fill(face, Paint.METAL), fill(face * 0.72, Paint.MAIN), fill(face * 0.2 - (0.12, 0.12), Paint.GLASS)]
    return _twice(parts, between(0.42, 0.5, traits[3]), between(0.65, 0.85, traits[3]), 0.02)


def cufflinks(traits: Traits) -> list[Part]:
    """Draw a pair of cufflinks; from the front they are like studs for the ears."""
    face = ellipse(0, 0, 0.45) if traits[1] < 0.5 else box(-0.42, -0.42, 0.42, 0.42)
    parts = [fill(face, Paint.METAL), fill(face * between(0.6, 0.8, traits[0]), Paint.MAIN)]
    if traits[2] < 0.55:
        bar = [line([(0, 0), (0, 0.75)], Paint.METAL, 0.12), line([(-0.25, 0.78), (0.25, 0.78)], Paint.METAL, 0.16)]
        parts = moved([*bar, *parts], 0, -0.25)
    else:
        parts.append(fill(face * 0.2 - (0.12, 0.12), Paint.GLASS))
    return _twice(parts, between(0.42, 0.5, traits[3]), between(0.65, 0.85, traits[3]), -0.04)


def necklace(traits: Traits) -> list[Part]:
    """Draw a necklace: a chain with a pendant, or a row of beads."""
    wide, deep = ranged(traits, (0.55, 0.78), (0.9, 1.3))
    chain = ellipse(0, -0.75, wide, deep, (0, 0.5))
    bottom = deep - 0.75
    if traits[2] < 0.35:
        return [fill(ellipse(x, y, 0.085), Paint.MAIN) for x, y in chain]
    pendant = ellipse(0, bottom + 0.14, 0.15, between(0.15, 0.22, traits[3]))
    if traits[3] < 0.4:
        pendant = smooth([(0, bottom), (0.15, bottom + 0.15), (0, bottom + 0.36), (-0.15, bottom + 0.15)])
    return [
        line(chain, Paint.METAL, 0.045),
        fill(pendant, Paint.METAL),
        fill((pendant - (0, bottom + 0.15)) * 0.7 + (0, bottom + 0.15), Paint.MAIN),
    ]


def watch(traits: Traits) -> list[Part]:
    """Draw a watch on its band, the dial in front."""
    band, radius = ranged(traits, (0.17, 0.24), (0.34, 0.46))
    strap = mirror([(band * 0.8, -0.98), (band, -0.2), (band, 0.2), (band * 0.8, 0.98)])
    face = ellipse(0, 0, radius) if traits[2] < 0.75 else box(-radius * 0.85, -radius, radius * 0.85, radius)
    dial = Paint.PALE if traits[3] < 0.6 else Paint.INK
    hand = Paint.INK if dial is Paint.PALE else Paint.PALE
    return [
        fill(strap, Paint.MAIN),
        fill(box(radius * 0.9, -0.07, radius + 0.1, 0.07), Paint.METAL),
        fill(face, Paint.METAL),
        fill(face * 0.8, dial),
        line([(0.02, -radius * 0.6), (0, 0), (radius * 0.45, radius * 0.15)], hand, 0.045),
    ]


def candle(traits: Traits) -> list[Part]:
    """Draw a candle: in a glass with a label, or a bare pillar; most burn."""
    half, top = ranged(traits, (0.32, 0.48), (-0.3, 0.0))
    parts = [line([(0, top), (0, top - 0.2)], Paint.INK, 0.035)]
    if traits[2] < 0.7:
        flame = smooth([(0, top - 0.55), (0.1, top - 0.25), (0, top - 0.12), (-0.1, top - 0.25)])
        parts.append(fill(flame, Paint.FLAME))
    body = box(-half, top, half, 0.75)
    parts += [fill(body, Paint.MAIN), fill(ellipse(0, top, half, 0.08), Paint.LIGHT)]
    if traits[3] < 0.6:
        parts.append(fill(box(-half * 0.6, top + 0.3, half * 0.6, 0.55), Paint.PALE))
    return parts


def mug(traits: Traits) -> list[Part]:
    """Draw a mug with its handle."""
    half, taper, top = ranged(traits, (0.42, 0.56), (0.75, 1.0), (-0.6, -0.4))
    return [
        line(ellipse(half, 0.05, 0.3, 0.32, (-0.25, 0.25)), Paint.DARK, 0.11),
        fill(sagging(half, top, taper * half, 0.6), Paint.MAIN),
        fill(ellipse(0, top, half, 0.12), Paint.LIGHT),
        fill(ellipse(0, top + 0.02, half * 0.86, 0.08), Paint.INK if traits[3] < 0.4 else Paint.DARK),
    ]


def vase(traits: Traits) -> list[Part]:
    """Draw a vase with a neck, some with stems."""
    belly, neck, where = ranged(traits, (0.32, 0.58), (0.1, 0.25), (0.05, 0.45))
    outline = smooth(mirror([(neck * 1.3, -0.5), (neck, -0.3), (belly, where), (belly * 0.6, 0.88)]))
    parts = []
    if traits[3] < 0.45:
        for lean in (-0.35, 0.0, 0.3):
            parts += [line([(0, -0.4), (lean, -0.85)], Paint.DARK, 0.04), fill(ellipse(lean, -0.87, 0.1), Paint.SECOND)]
    return [*parts, fill(outline, Paint.MAIN), fill(ellipse(0, -0.52, neck * 1.25, 0.06), Paint.DARK)]
