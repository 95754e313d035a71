"""What declares a setting: beside the code that uses it, with its type, default, bounds and what it does."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Settings of one thing: no unknown name, no silent conversion, not changed once made."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, validate_default=True)

    def changed(self, **values: Any) -> Self:
        """Return the same with some values replaced.

        Raises:
            pydantic.ValidationError: there is no such setting, or a value does not fit.
        """
        return self.model_validate({**dict(self), **values})
