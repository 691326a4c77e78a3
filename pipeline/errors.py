"""What can go wrong, by what the reader can do about it."""


class HeadroomError(Exception):
    """Base of every error that Headroom raises on purpose; its text is meant for people."""


class ConfigError(HeadroomError):
    """A setting, option or argument is unknown or out of bounds. Fix it and start again."""


class DataError(HeadroomError):
    """The data is not what its table declares. Retrying cannot help; nothing was published."""


class ConflictError(HeadroomError):
    """Another writer published the same scope meanwhile. Run the step again on what it published."""


class SourceError(HeadroomError):
    """A source is down or answered in part. Retrying later may help; nothing was landed."""
