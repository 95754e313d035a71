"""The tree of classes on which hierarchical metrics were worked out by hand, and small trees to draw from."""

from hypothesis import strategies as st

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

# Few names and unequal depths: shared names under different parents, classes above others, one path alone.
TREES = st.lists(st.lists(st.sampled_from("ab"), min_size=1, max_size=4), min_size=1, max_size=9, unique_by=tuple)
