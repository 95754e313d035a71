"""What stands before the name of a network: its family, and a file or folder. Nothing here imports torch."""

TIMM, GIVEN, LOCAL = "timm:", "given:", "local-dir:"
OPEN_CLIP, SENTENCE_TRANSFORMERS = "open_clip:", "sentence-transformers:"
PAIRS = OPEN_CLIP, SENTENCE_TRANSFORMERS


def place_of(network: str) -> str | None:
    """Return the file or folder that the name of a network holds, which brings its weights; None: it holds none."""
    prefixes = GIVEN, TIMM + LOCAL, *PAIRS
    return next((network.removeprefix(prefix) for prefix in prefixes if network.startswith(prefix)), None)


def pair_of(network: str) -> str | None:
    """Return the prefix of an image-text pair; None: the network is of another family."""
    return next((prefix for prefix in PAIRS if network.startswith(prefix)), None)
