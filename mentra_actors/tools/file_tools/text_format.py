"""How a text lies in a file: encoding, byte order mark, line endings; kept when it is changed."""

import codecs
from dataclasses import dataclass

from mentra_actors.tools.file_tools.text_lines import NotText

__all__ = ["TextFile", "decoded_text"]

_MARKED = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class TextFile:
    """A whole text, with its line endings as they are, and what its bytes are made with."""

    text: str
    encoding: str = "utf-8"
    mark: bytes = b""

    def encoded(self, text: str) -> bytes:
        """Another text as the bytes of such a file.

        Raises:
            UnicodeEncodeError: it holds half of a surrogate pair.
        """
        return self.mark + text.encode(self.encoding)


def decoded_text(content: bytes) -> TextFile:
    """The text of a file: UTF-8, or UTF-16 that begins with its byte order mark.

    Raises:
        NotText: it is neither, or holds NUL.
    """
    mark, encoding = next(
        ((mark, name) for mark, name in _MARKED if content.startswith(mark)), (b"", "utf-8")
    )
    try:
        text = content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        if b"\0" in content:
            raise NotText("it is binary") from error
        line = content.count(b"\n", 0, len(mark) + error.start) + 1
        raise NotText(f"line {line} is not UTF-8 text") from error
    if "\0" in text:
        raise NotText("it is binary")
    return TextFile(text, encoding, mark)
