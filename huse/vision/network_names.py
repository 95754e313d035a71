"""What stands before the name of a network: its family, and a file or folder. Nothing here imports torch."""

TIMM, GIVEN, LOCAL = "timm:", "given:", "local-dir:"


def place_of(network: str) -> str | None:
    """Return the file or folder that the name of a network holds, which brings its weights; None: it holds none."""
    prefixes = GIVEN, TIMM + LOCAL
    return next((network.removeprefix(prefix) for prefix in prefixes if network.startswith(prefix)), None)
