"""Every error the package raises on purpose.

    Hashtag2ActionError
      ConfigError        a recipe or override is wrong            names file and field
      ManifestError      a folder is not what it should be        names folder and remedy
      VideoError         this video cannot be read                becomes a reject_reason
        ReplacedError    it is another than was fetched           becomes a reject_reason
      FetchError         an address gives no file             becomes a reject_reason
        OverTotalBytesError  the run may hold no more bytes       becomes a reject_reason
      SourceError        a platform or archive cannot be read     names the place
        QuotaExhaustedError  today's requests are used up         names when more come
      WeightsError       a detector's file is missing or wrong    names file, origin and remedy
      EngineError        a worker died or a part failed           names the part
      CheckpointError    weights or state do not fit              names the tensors

A bad row is data, a bad recipe is an exception, a broken invariant is an assert.
"""


class Hashtag2ActionError(Exception):
    """Anything a user may want to catch from this package."""

    exit_code: int = 1


class ConfigError(Hashtag2ActionError):
    """A recipe or an override is wrong."""

    exit_code = 2


class ManifestError(Hashtag2ActionError):
    """A folder on disk is not the table it should be."""

    exit_code = 3


class VideoError(Hashtag2ActionError):
    """A video cannot be read; its message becomes the row's reject reason."""

    exit_code = 3

    @property
    def reject_reason(self) -> str:
        """What a row that cannot be read leaves with."""
        return f"unreadable:{self}"


class TooLargeError(VideoError):
    """A video's pictures are larger than any that are decoded; the reject reason is `too_large`."""

    @property
    def reject_reason(self) -> str:
        """The same reason as that of a video that outgrew its memory."""
        return "too_large"


class ReplacedError(VideoError):
    """A file holds other bytes than were fetched; the reject reason is `replaced`."""

    @property
    def reject_reason(self) -> str:
        """The reason of a row whose measures or licence would be another video's."""
        return "replaced"


class FetchError(Hashtag2ActionError):
    """An address gives no file; its message becomes the row's reject reason, and names no one."""

    exit_code = 3

    @property
    def reject_reason(self) -> str:
        """What the row leaves with."""
        return f"fetch:{self}"


class OverTotalBytesError(FetchError):
    """The bytes a run may hold are used up."""

    @property
    def reject_reason(self) -> str:
        """What the row leaves with."""
        return "over_total_bytes"


class SourceError(Hashtag2ActionError):
    """A platform, an export or a folder of posts cannot be read."""

    exit_code = 3


class QuotaExhaustedError(SourceError):
    """A platform's quota is used up; what is on disk stays, and a later run goes on."""


class WeightsError(Hashtag2ActionError):
    """A detector's weights are missing, or are not the file they should be."""

    exit_code = 3


class EngineError(Hashtag2ActionError):
    """A worker died, or a part could not be finished."""

    exit_code = 4


class CheckpointError(Hashtag2ActionError):
    """Weights or training state do not fit the model they are meant for."""

    exit_code = 3


class MissingExtraError(Hashtag2ActionError):
    """An optional dependency is not installed; the message names the extra that brings it."""

    exit_code = 2

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is not installed. It comes with the extra [{extra}]: "
            f'pip install "hashtag2action[{extra}]"'
        )
        self._given = (package, extra)

    def __reduce__(self) -> tuple[type["MissingExtraError"], tuple[str, str]]:
        """Travel between processes by what it was made from, not by its message."""
        return type(self), self._given
