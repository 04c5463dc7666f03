"""Damage to the file of a store, as a disk does it."""

__all__ = ["flip_bit"]


def flip_bit(file, part, *, place=0, bit=0):
    """Flip a bit of a part of a file, wherever it lies.

    A page that nobody uses any more may have the same bytes; where it is, before the page in use
    or after it, depends on how the writer has grouped its appends.
    """
    content = file.read_bytes()
    changed = bytearray(part)
    changed[place] ^= 1 << bit
    assert part in content
    file.write_bytes(content.replace(part, bytes(changed)))
