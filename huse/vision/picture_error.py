"""Why a picture cannot be used."""


class PictureError(Exception):
    """A picture cannot be used; the message is the reason, without the file's name."""
