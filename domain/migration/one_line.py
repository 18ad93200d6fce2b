"""Texts with several lines, shown in one line."""


def in_one_line(text: str, width: int) -> str:
    """Return a text in one line of at most `width` characters; an ellipsis stands for the omitted end."""
    words = " ".join(text.split())
    return words if len(words) <= width else f"{words[: width - 1]}…"
