"""The words of the sample's names. Every brand is invented."""

Weighted = tuple[tuple[str, float], ...]

BRANDS: dict[str, tuple[str, ...]] = {
    "clothing": ("Vaudrey & Lind", "Maison Ébène", "Petra Okkerse", "Ardelune", "Halvard Sønne", "Wexcombe Row"),
    "shoes": ("Fiorantelli", "Dunmarrow", "Señal Alta", "Kessandre", "Wexcombe Row", "Ardelune"),
    "bags": ("Maison Ébène", "Tallowfinch & Co.", "Kessandre", "Fiorantelli", "Quillonne"),
    "beauty": ("Lumérielle", "Zoë Brunehaut", "Quillonne", "Sable d’Ostrel", "Maison Ébène"),
    "jewellery": ("Corvinella", "Noor Velasque", "Halvard Sønne", "Sable d’Ostrel", "Tallowfinch & Co."),
    "home": ("Ödlandshus", "Tallowfinch & Co.", "Petra Okkerse", "Lumérielle"),
}
"""Brands by top class; most sell under more than one."""

LINES = (
    "Cléo", "Show Girl", "Éloïse", "Margaux", "Night Ferry", "Soirée", "Inês", "Little Dipper", "Bianca", "Low Tide",
    "Déjà Vu", "Greta", "Paper Moon", "Zoé", "Hazel", "Second Act", "Faye", "Été", "Old Harbour", "Romy",
    "Sunday Best", "Ottilie", "Half Past Ten", "Noémie", "Juno", "Wild Thyme", "Petit Jour", "Selma", "Ground Floor",
    "Anaïs", "Slow Dance", "Marlowe",
)  # fmt: skip

REMARKS = (
    "limited edition", "new season", "sale", "online exclusive", "gift-wrapped", "made in Italy", "handmade",
    "édition limitée", "pre-order", "as seen in the lookbook", "vegan", "bestseller",
)  # fmt: skip

ITEMS: dict[str, Weighted] = {
    "t-shirts": (("T-shirt", 5), ("tee", 3), ("top", 2), ("jersey top", 1), ("tank", 0.5), ("shirt", 0.3)),
    "shirts": (("shirt", 5), ("blouse", 2), ("Oxford shirt", 1), ("top", 1), ("button-down", 1), ("overshirt", 0.7)),
    "sweaters": (("sweater", 3), ("jumper", 2), ("pullover", 1), ("knit", 2), ("top", 0.7), ("turtleneck", 1)),
    "day dresses": (("dress", 5), ("sundress", 1), ("shirt dress", 1.2), ("midi dress", 1), ("T-shirt dress", 0.8)),
    "evening dresses": (("gown", 3), ("dress", 2.5), ("slip", 1), ("slip dress", 1), ("maxi dress", 1.2)),
    "trousers": (("trousers", 3), ("pants", 2), ("jeans", 2), ("chinos", 1), ("culottes", 0.6), ("bottoms", 0.6)),
    "skirts": (("skirt", 4), ("pencil skirt", 1), ("slip skirt", 1), ("slip", 0.7), ("mini", 1)),
    "shorts": (("shorts", 4), ("pants", 0.7), ("culottes", 0.7), ("bottoms", 0.6)),
    "jackets": (("jacket", 4), ("blazer", 2), ("bomber", 1), ("parka", 0.6), ("overshirt", 0.8)),
    "coats": (("coat", 4), ("trench", 1), ("overcoat", 1), ("parka", 0.8), ("jacket", 0.6)),
    "sneakers": (("sneakers", 5), ("trainers", 3), ("pumps", 1), ("high-tops", 1), ("lace-ups", 1)),
    "pumps": (("pumps", 5), ("heels", 2), ("slingbacks", 1.5), ("pump", 1), ("courts", 0.7)),
    "ankle boots": (("ankle boots", 3), ("boots", 3), ("booties", 1), ("zip boots", 1), ("lace-ups", 0.6)),
    "chelsea boots": (("Chelsea boots", 3), ("boots", 3), ("ankle boots", 1), ("pull-on boots", 1)),
    "shoulder bags": (
        ("shoulder bag", 4),
        ("bag", 2),
        ("cross-body", 1.5),
        ("satchel", 1),
        ("compact bag", 0.7),
        ("clutch", 0.5),
    ),
    "totes": (("tote", 4), ("tote bag", 1), ("shopper", 1), ("bag", 1.5), ("carryall", 1)),
    "shoppers": (("shopper", 4), ("tote", 1.2), ("shopping bag", 1), ("bag", 1), ("carryall", 0.6)),
    "clutches": (("clutch", 4), ("pouch", 1.3), ("envelope", 1), ("evening bag", 1), ("bag", 1)),
    "lipsticks": (("lipstick", 5), ("lip colour", 2), ("rouge", 1), ("lip lacquer", 1), ("stick", 1)),
    "mascaras": (("mascara", 5), ("lash tint", 1), ("lash lacquer", 1), ("stick", 0.4)),
    "compacts": (("compact", 3), ("pressed powder", 2), ("blush", 1), ("bronzer", 1), ("compact cream", 0.5)),
    "perfumes": (("eau de parfum", 4), ("eau de toilette", 2), ("parfum", 1), ("mist", 0.7), ("compact spray", 0.4)),
    "creams": (("cream", 3), ("crème", 2), ("balm", 1), ("moisturiser", 1), ("mask", 0.7)),
    "serums": (("serum", 3), ("face oil", 1), ("drops", 1), ("pump", 0.7), ("mist", 0.4)),
    "earrings": (("earrings", 5), ("hoops", 2), ("studs", 1.5), ("drops", 1), ("ear clutch", 0.5), ("pair", 0.5)),
    "necklaces": (("necklace", 4), ("pendant", 2), ("chain", 1.5), ("choker", 1), ("beads", 0.7)),
    "watches": (("watch", 4), ("timepiece", 1), ("chronograph", 1)),
    "cufflinks": (("cufflinks", 4), ("studs", 1), ("links", 0.8), ("pair", 0.6)),
    "cushions": (("cushion", 3), ("pillow", 2), ("cushion cover", 1), ("throw", 0.5)),
    "candles": (("candle", 4), ("scented candle", 1), ("pillar", 1), ("jar", 1)),
    "mugs": (("mug", 4), ("cup", 2), ("tumbler", 0.6), ("jar", 0.4)),
    "vases": (("vase", 4), ("vessel", 1), ("jar", 0.7), ("stem holder", 0.6)),
}
"""Names of a class's products in shops, with frequencies; some words serve several classes."""

MATERIALS: dict[str, tuple[str, ...]] = {
    "t-shirts": ("cotton", "organic cotton", "jersey", "linen"),
    "shirts": ("cotton", "linen", "poplin", "silk", "denim"),
    "sweaters": ("wool", "cashmere", "mohair", "cotton", "ribbed"),
    "day dresses": ("cotton", "linen", "jersey", "poplin", "crêpe"),
    "evening dresses": ("silk", "satin", "crêpe", "sequined", "velvet"),
    "trousers": ("wool", "denim", "cotton", "linen", "crêpe"),
    "skirts": ("satin", "denim", "wool", "pleated", "leather"),
    "shorts": ("denim", "linen", "cotton"),
    "jackets": ("denim", "wool", "leather", "tweed", "quilted"),
    "coats": ("wool", "cashmere", "tweed", "quilted", "leather"),
    "sneakers": ("leather", "suede", "canvas", "mesh"),
    "pumps": ("leather", "suede", "satin", "patent-leather", "velvet"),
    "ankle boots": ("leather", "suede", "croc-effect", "patent-leather"),
    "chelsea boots": ("leather", "suede", "croc-effect"),
    "shoulder bags": ("leather", "suede", "quilted", "croc-effect"),
    "totes": ("leather", "canvas", "raffia", "suede"),
    "shoppers": ("canvas", "leather", "raffia", "nylon"),
    "clutches": ("satin", "velvet", "leather", "croc-effect", "beaded"),
    "lipsticks": ("lacquer", "velvet", "satin", "sheer", "long-wear"),
    "mascaras": ("lacquer", "waterproof", "long-wear", "volume"),
    "compacts": ("sheer", "mineral", "satin", "velvet", "refillable"),
    "perfumes": ("rose", "vétiver", "amber", "neroli", "refillable"),
    "creams": ("rose", "hydrating", "night", "mineral", "neroli"),
    "serums": ("hydrating", "night", "rose", "vitamin"),
    "earrings": ("gold-plated", "pearl", "sterling silver", "enamel", "crystal"),
    "necklaces": ("gold-plated", "pearl", "sterling silver", "crystal"),
    "watches": ("stainless steel", "leather", "gold-plated"),
    "cufflinks": ("sterling silver", "enamel", "gold-plated", "onyx"),
    "cushions": ("linen", "velvet", "cotton", "wool"),
    "candles": ("amber", "vétiver", "beeswax", "neroli"),
    "mugs": ("porcelain", "stoneware", "enamel"),
    "vases": ("stoneware", "porcelain", "glass"),
}
"""Materials, finishes and scents of a class; shared with its siblings and with others."""

SIZES: dict[str, tuple[str, ...]] = {
    "clothing": ("size S", "size M", "size 38", "XL", "UK 12", "petite", "FR 40"),
    "shoes": ("size 38", "EU 41", "UK 6", "40mm", "wide fit", "narrow fit"),
    "bags": ("small", "medium", "30 cm", "mini", "large"),
    "beauty": ("50 ml", "7.5 ml", "N°5", "N°12", "travel size", "refill"),
    "jewellery": ("14ct", "18ct", "12mm", "one size", "40 cm"),
    "home": ("45 cm", "set of 2", "large", "30 cl", "N°12"),
}

HEEL_HEIGHTS = ("55mm", "70mm", "85mm", "100mm")
"""For the shoes that have heels, in place of half of their sizes."""

SWAPS = (("&", "and"), ("é", "e"), ("colour", "color"), ("grey", "gray"), ("T-shirt", "Tshirt"))
"""Spellings that differ between clerks."""
