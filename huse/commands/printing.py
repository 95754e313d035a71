"""How commands print what people copy."""

from typing import Any

PLAIN: Any = {"highlight": False, "markup": False, "soft_wrap": True}  # as it stands, in one piece
