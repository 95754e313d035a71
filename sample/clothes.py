"""Clothing, lying flat: each function takes a product's traits and returns its parts, back to front."""

import numpy as np

from sample.geometry import Paint, Part, Points, Traits, between, box, ellipse, fill, line, mirror, sagging, smooth

SHOULDER = -0.68  # height of the shoulders


def _torso(shoulder: float, hem: float, flare: float, sleeve: float, turn: float) -> Points:
    """Return the outline of a garment with sleeves.

    Args:
        shoulder: half the width at the shoulders.
        hem: y of the hem.
        flare: half the width at the hem.
        sleeve: length of the sleeves.
        turn: how far the sleeves hang down, in turns; 0.25 is straight down.
    """
    angle = 2 * np.pi * turn
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    outer = np.array([shoulder, SHOULDER]) + sleeve * along
    arm = [
        (0.17, SHOULDER - 0.1),
        (shoulder, SHOULDER),
        outer,
        outer + 0.2 * across,
        (shoulder - 0.04, SHOULDER + 0.34),
    ]
    waist = (between(shoulder, flare, 0.45) - 0.03, between(SHOULDER, hem, 0.55))
    return mirror(np.array([*arm, waist, (flare, hem)]))


def _cuffs(outline: Points, paint: Paint, width: float) -> list[Part]:
    # The outline is a mirror image: points 2 and 3 are the right cuff, 10 and 11 the left one.
    return [line(outline[2:4], paint, width), line(outline[10:12], paint, width)]


def _buttons(top: float, bottom: float, count: int, paint: Paint, x: float = 0.0) -> list[Part]:
    return [fill(ellipse(x, y, 0.03), paint) for y in np.linspace(top, bottom, count)]


def _neck(depth: float) -> Part:
    return fill(ellipse(0, SHOULDER - 0.1, 0.18, depth, (0, 0.5)), Paint.DARK)


def t_shirt(traits: Traits) -> list[Part]:
    """Draw a T-shirt; some have long sleeves, many a print."""
    sleeve = between(0.3, 0.42, traits[0]) if traits[3] < 0.8 else 0.95
    hem, flare = between(0.55, 0.8, traits[1]), between(0.4, 0.5, traits[2])
    outline = _torso(0.46, hem, flare, sleeve, 0.1 if sleeve < 0.5 else 0.19)
    parts = [fill(outline, Paint.MAIN), _neck(between(0.1, 0.2, traits[2])), *_cuffs(outline, Paint.DARK, 0.03)]
    if traits[3] < 0.25:
        parts.append(fill(ellipse(0, -0.12, between(0.14, 0.24, traits[0])), Paint.SECOND))
    elif traits[3] < 0.4:
        parts.append(fill(box(-0.25, -0.2, 0.25, between(-0.08, 0.12, traits[0])), Paint.SECOND))
    return parts


def shirt(traits: Traits) -> list[Part]:
    """Draw a shirt: collar, buttons, now and then a pocket or short sleeves."""
    sleeve = between(0.9, 1.1, traits[0]) if traits[3] < 0.75 else 0.4
    hem, flare = between(0.65, 0.85, traits[1]), between(0.4, 0.48, traits[2])
    outline = _torso(0.46, hem, flare, sleeve, 0.2 if sleeve > 0.5 else 0.11)
    parts = [
        fill(outline, Paint.MAIN),
        *_cuffs(outline, Paint.LIGHT, 0.09),
        _neck(0.16),
        line([(0, SHOULDER + 0.06), (0, hem)], Paint.LIGHT, 0.09),
        *_buttons(SHOULDER + 0.15, hem - 0.1, 6, Paint.INK if traits[2] < 0.5 else Paint.PALE),
    ]
    for side in (-1, 1):
        collar = [(0.17 * side, SHOULDER - 0.14), (0.32 * side, SHOULDER + 0.02), (0.12 * side, SHOULDER + 0.16)]
        parts.append(fill([*collar, (0, SHOULDER + 0.05)], Paint.LIGHT))
    if traits[0] < 0.5:
        parts.append(line(np.vstack([box(0.13, -0.3, 0.31, -0.08), [(0.13, -0.3)]]), Paint.DARK, 0.02))
    return parts


def sweater(traits: Traits) -> list[Part]:
    """Draw a sweater: wide, ribbed at hem and cuffs, round or high neck."""
    hem = between(0.5, 0.72, traits[0])
    outline = _torso(0.5, hem, 0.44, between(0.85, 1.05, traits[1]), 0.19)
    rib = fill(box(-0.43, hem - 0.02, 0.43, hem + 0.12), Paint.DARK)
    parts = [rib, fill(outline, Paint.MAIN), *_cuffs(outline, Paint.DARK, 0.12)]
    if traits[2] < 0.35:
        parts.append(fill(box(-0.19, SHOULDER - 0.27, 0.19, SHOULDER - 0.05), Paint.DARK))
    else:
        parts += [_neck(0.15), line(ellipse(0, SHOULDER - 0.1, 0.2, 0.17, (0, 0.5)), Paint.DARK, 0.07)]
    if traits[3] < 0.3:
        parts += [line([(x, SHOULDER + 0.2), (x, hem)], Paint.LIGHT, 0.03) for x in (-0.2, 0, 0.2)]
    return parts


def day_dress(traits: Traits) -> list[Part]:
    """Draw a dress to the knee, with a waist and short sleeves or none."""
    hem, flare = between(0.55, 0.85, traits[0]), between(0.4, 0.62, traits[1])
    half = [(0.16, -0.88), (0.33, -0.84), (0.28, -0.5), (0.22, -0.22), (flare, hem)]
    if traits[2] < 0.5:
        half[1:3] = [(0.36, -0.84), (0.58, -0.6), (0.47, -0.48), (0.32, -0.6)]
    parts = [fill(mirror(half), Paint.MAIN), fill(ellipse(0, -0.88, 0.16, 0.14, (0, 0.5)), Paint.DARK)]
    if traits[3] < 0.6:
        parts.append(line([(-0.23, -0.22), (0.23, -0.22)], Paint.SECOND, 0.07))
    return parts


def evening_dress(traits: Traits) -> list[Part]:
    """Draw a long dress on straps; some are straight slips."""
    flare = between(0.26, 0.62, traits[0] ** 2)
    waist = between(0.17, 0.25, traits[1])
    hem = between(0.8, 0.97, traits[2])
    body = mirror([(0.05, -0.58), (0.25, -0.68), (waist + 0.02, -0.42), (waist, -0.2), (0.29, 0.15), (flare, hem)])
    straps = [line([(0.23 * side, -0.66), (0.13 * side, -0.95)], Paint.DARK, 0.04) for side in (-1, 1)]
    parts = [*straps, fill(body, Paint.MAIN)]
    if traits[3] < 0.35:
        parts.append(fill([(0.05, hem), (0.2, hem), (0.1, 0.2)], Paint.DARK))
    elif traits[3] < 0.6:
        parts.append(line([(-waist, -0.22), (waist, -0.22)], Paint.METAL, 0.05))
    return parts


def _legs(top: float, bottom: float, hip: float, ankle: float, spread: float) -> list[Part]:
    crotch, leg = top + 0.5, [(spread + ankle, bottom), (spread - ankle, bottom)]
    outline = mirror([(hip - 0.08, top), (hip, top + 0.4), *leg, (0.015, crotch)])
    band = fill(box(0.07 - hip, top, hip - 0.07, top + 0.09), Paint.DARK)
    return [fill(outline, Paint.MAIN), band, line([(0, top + 0.08), (0, crotch)], Paint.DARK, 0.02)]


def trousers(traits: Traits) -> list[Part]:
    """Draw trousers, narrow to wide."""
    bottom, hip = between(0.75, 0.95, traits[0]), between(0.3, 0.38, traits[1])
    parts = _legs(-0.9, bottom, hip, between(0.09, 0.19, traits[2]), between(0.19, 0.28, traits[3]))
    if traits[3] > 0.5:
        parts += [line([(0.28 * side, -0.75), (0.18 * side, -0.6)], Paint.DARK, 0.025) for side in (-1, 1)]
    return parts


def shorts(traits: Traits) -> list[Part]:
    """Draw shorts."""
    bottom, hip = between(0.2, 0.5, traits[0]), between(0.48, 0.56, traits[1])
    return _legs(-0.6, bottom, hip, between(0.22, 0.28, traits[2]), 0.34)


def skirt(traits: Traits) -> list[Part]:
    """Draw a skirt: pencil or flared, short or long, some pleated."""
    hem, flare = between(0.3, 0.85, traits[0]), between(0.34, 0.78, traits[1])
    parts = [fill(sagging(0.27, -0.6, flare, hem), Paint.MAIN), fill(box(-0.28, -0.68, 0.28, -0.57), Paint.DARK)]
    if traits[2] < 0.4:
        pleats = np.linspace(-0.8, 0.8, 6)
        parts += [line([(0.26 * x, -0.55), (flare * x, hem - 0.02)], Paint.DARK, 0.02) for x in pleats]
    return parts


def _open_front(outline: Points, traits: Traits, lapel: float) -> list[Part]:
    hem = outline[6, 1]
    parts = [
        fill(outline, Paint.MAIN),
        *_cuffs(outline, Paint.DARK, 0.05),
        fill(mirror([(0.16, SHOULDER - 0.1), (0.02, lapel)]), Paint.PALE if traits[3] < 0.5 else Paint.INK),
        line([(0, lapel), (0, hem)], Paint.DARK, 0.035),
    ]
    for side in (-1, 1):
        near = 0.16 * side
        parts.append(fill([(near, SHOULDER - 0.12), (near * 2.1, SHOULDER + 0.14), (0.02 * side, lapel)], Paint.DARK))
        pocket = between(lapel, hem, 0.45)
        parts.append(line([(0.14 * side, pocket), (0.33 * side, pocket + 0.03)], Paint.DARK, 0.045))
    return parts


def jacket(traits: Traits) -> list[Part]:
    """Draw a jacket: a blazer with lapels, or short with a zip."""
    hem = between(0.35, 0.62, traits[0])
    outline = _torso(0.48, hem, between(0.4, 0.48, traits[1]), between(0.95, 1.08, traits[2]), 0.2)
    if traits[3] < 0.3:
        zip_line = line([(0, SHOULDER), (0, hem)], Paint.METAL, 0.05)
        collar = fill(mirror([(0.2, SHOULDER - 0.18), (0.24, SHOULDER), (0.0, SHOULDER + 0.1)]), Paint.DARK)
        return [fill(outline, Paint.MAIN), collar, zip_line, *_cuffs(outline, Paint.DARK, 0.09)]
    return [*_open_front(outline, traits, between(-0.25, 0.05, traits[2])), *_buttons(0.12, 0.3, 2, Paint.METAL, 0.07)]


def coat(traits: Traits) -> list[Part]:
    """Draw a coat, to the knee or below, with buttons or a belt."""
    hem = between(0.72, 0.97, traits[0])
    outline = _torso(0.45, hem, between(0.42, 0.56, traits[1]), between(0.95, 1.05, traits[2]), 0.215)
    parts = _open_front(outline, traits, between(-0.35, -0.1, traits[2]))
    if traits[1] < 0.5:
        belt, buckle = line([(-0.41, 0), (0.41, 0)], Paint.DARK, 0.09), box(-0.07, -0.07, 0.07, 0.07)
        return [*parts, belt, fill(buckle, Paint.METAL)]
    return parts + [button for x in (-0.1, 0.1) for button in _buttons(-0.02, 0.5, 4, Paint.INK, x)]


def cushion(traits: Traits) -> list[Part]:
    """Draw a cushion: square to oblong, some with a border or tassels."""
    down, dent = between(0.5, 0.75, traits[0]), between(0.86, 0.94, traits[1])
    corners = [(-0.75, -down), (0, -down * dent), (0.75, -down), (0.75 * dent, 0), (0.75, down)]
    outline = smooth([*corners, (0, down * dent), (-0.75, down), (-0.75 * dent, 0)])
    parts = [fill(outline, Paint.MAIN)]
    if traits[2] < 0.5:
        parts.append(line(np.vstack([outline, outline[:1]]), Paint.SECOND, 0.05))
    if traits[3] < 0.3:
        parts += [fill(ellipse(0.77 * x, (down + 0.03) * y, 0.09), Paint.SECOND) for x in (-1, 1) for y in (-1, 1)]
    return parts
