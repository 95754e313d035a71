"""The tree of classes on which hierarchical figures were worked out by hand."""

LEAVES = [
    "beauty<makeup<lipstick",
    "beauty<makeup<eyeshadow",
    "beauty<makeup<mascara",
    "beauty<fragrance<perfume",
    "shoes<boots<ankle",
    "shoes<boots<knee",
    "shoes<pumps<high",
    "shoes<pumps<mid",
]
PATHS = [leaf.split("<") for leaf in LEAVES]
LIPSTICK, EYESHADOW, MASCARA, PERFUME, ANKLE = range(5)
