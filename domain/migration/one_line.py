"""Texts of many lines in one."""


def in_one_line(text: str, width: int) -> str:
    """Return a text in a line of at most so many characters; an ellipsis stands for what is left out."""
    words = " ".join(text.split())
    return words if len(words) <= width else f"{words[: width - 1]}…"
