"""Where a Markdown text that is still being written can be cut. Pure."""

__all__ = ["whole_blocks"]

_FENCES = ("```", "~~~")


def whole_blocks(text: str) -> int:
    """How many characters of the text are blocks to which nothing will be added.

    A block ends with an empty line or, if it is fenced, with the line that closes the fence.
    """
    end, at, fence = 0, 0, ""
    while (newline := text.find("\n", at)) != -1:
        stripped = text[at:newline].strip()
        at = newline + 1
        if fence:
            if stripped and not stripped.strip(fence[0]) and len(stripped) >= len(fence):
                fence, end = "", at
        elif stripped.startswith(_FENCES):
            fence = stripped[: len(stripped) - len(stripped.lstrip(stripped[0]))]
        elif not stripped:
            end = at
    return end
