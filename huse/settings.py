"""The base class of settings; each is declared beside the code that uses it, with type, default, bounds, effect."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Settings of one thing: no unknown names, no silent conversion, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, validate_default=True)

    def changed(self, **values: Any) -> Self:
        """Return a copy with some values replaced.

        Raises:
            pydantic.ValidationError: there is no such setting, or a value does not fit.
        """
        return self.model_validate({**dict(self), **values})
