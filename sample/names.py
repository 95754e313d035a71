"""How a shop names a product: brand, material, colour, pattern, item, size, in no fixed order."""

from sample.chance import Purpose, Random, generator, pick, pick_weighted
from sample.colours import PATTERNS
from sample.product import Product
from sample.words import BRANDS, HEEL_HEIGHTS, ITEMS, LINES, MATERIALS, REMARKS, SIZES, SWAPS

NO_ITEM_SHARE = 0.12  # names that never say what the product is
MATERIAL_SHARE = 0.65
COLOUR_SHARE = 0.7
SIZE_SHARE = 0.35
REMARK_SHARE = 0.15
SWAP_SHARE = 0.06  # of each spelling
DOUBLED_SPACE_SHARE = 0.05
CAPITALS_SHARE = 0.08

FORMS = (
    "{brand} {what} - {colour}",
    "{brand} - {line} {what} - {colour}",
    "{brand} “{line}” {what}, {colour}",
    '{brand} "{line}" {what} {colour}',
    "{colour} {what} by {brand}",
    "{line} {what} in {colour}, {brand}",
    "{what} {colour}",
    "{brand} {colour} {what} - {line}",
    "- {line} {colour} {what}, {brand}",
)
"""Forms of names in shops; ``what`` is pattern, material and item."""

FORMS_WITHOUT_ITEM = (
    "{brand} {line} {what} {colour}",
    '{brand} "{line}" {colour} {what}',
    "{brand} - {line} - {colour}, {what}",
    "{line} {what} {colour} by {brand}",
)
FORMS_WITHOUT_COLOUR = (
    "{brand} {what}",
    "{brand} {line} {what}",
    '{brand} "{line}" {what}',
    "{what} by {brand}, {line}",
)


def make_name(seed: int, product: Product) -> str:
    """Return the name of a product, shared by its pictures."""
    random = generator(Purpose.NAME, seed, product.number)
    says_item = random.random() >= NO_ITEM_SHARE
    item = pick_weighted(random, ITEMS[product.leaf.name]) if says_item else ""
    says_colour = random.random() < COLOUR_SHARE
    form = pick(random, FORMS_WITHOUT_COLOUR if not says_colour else FORMS if says_item else FORMS_WITHOUT_ITEM)
    name = form.format(
        brand=pick(random, BRANDS[product.leaf.top]),
        line=pick(random, LINES),
        what=_described(random, product, item),
        colour=pick(random, product.colour.names),
    )
    if random.random() < SIZE_SHARE:
        heeled = product.leaf.middle in ("heels", "boots") and random.random() < 0.5
        name += f", {pick(random, HEEL_HEIGHTS if heeled else SIZES[product.leaf.top])}"
    if random.random() < REMARK_SHARE:
        name += f" – {pick(random, REMARKS)}"
    return _as_typed(random, name)


def _described(random: Random, product: Product, item: str) -> str:
    """Return pattern, material and item, each if the shop mentions it."""
    material = ""
    if not item or random.random() < MATERIAL_SHARE:
        jewel = product.leaf.top == "jewellery" and random.random() < 0.3
        material = product.metal[0] if jewel else pick(random, MATERIALS[product.leaf.name])
    pattern = pick(random, PATTERNS[product.pattern][1])
    return " ".join(word for word in (pattern, material, item) if word)


def _as_typed(random: Random, name: str) -> str:
    """Add the irregularities that clerks make in names."""
    for usual, other in SWAPS:
        if random.random() < SWAP_SHARE:
            name = name.replace(usual, other)
    name = name.upper() if random.random() < CAPITALS_SHARE else name[0].upper() + name[1:]
    if random.random() < DOUBLED_SPACE_SHARE:
        name = name.replace(" ", "  ", 1)
    return name
