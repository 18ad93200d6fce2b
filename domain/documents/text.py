"""Normalizing, hashing and splitting of texts. All functions are pure: the same text has the same passages."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator

PASSAGE_LENGTH = 800
_TITLE_LENGTH = 300
_HEADING = re.compile(r"#{1,6}\s+\S")
_BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n)+")
_SENTENCE_END = re.compile(r"(?<=[.!?…。])\s+")


def normalize_text(text: str) -> str:
    """Return a text in its normal form: NFC, line feeds, no blanks at the ends of lines, no NUL, trimmed.

    Two files that differ only in invisible characters have the same normal form.
    """
    composed = unicodedata.normalize("NFC", text.removeprefix("\ufeff")).replace("\0", "")
    return "\n".join(line.rstrip() for line in composed.splitlines()).strip()


def content_hash(text: str) -> str:
    """Return the SHA-256 of the normalized text, in hexadecimal (64 digits)."""
    return hashlib.sha256(normalize_text(text).encode()).hexdigest()


def title_of(text: str, fallback: str) -> str:
    """Return the first Markdown heading, or the fallback if there is none; at most 300 characters."""
    for line in text.splitlines():
        if _HEADING.match(line):
            return line.lstrip("#").strip()[:_TITLE_LENGTH]
    return fallback[:_TITLE_LENGTH]


def split_into_passages(text: str, length: int = PASSAGE_LENGTH) -> tuple[str, ...]:
    """Return the passages of a text, which are embedded and found one by one.

    Paragraphs are joined up to the length. A paragraph is split between sentences if it is longer than a passage, or if
    the passage before it would stay less than half full. A longer sentence is split between words, and a longer word
    anywhere. A Markdown heading stays with the text that follows it. No passage is empty or longer than the length, and
    together the passages contain every character except blanks.

    Args:
        text: Any text.
        length: Highest number of characters in a passage.
    """
    passages: list[str] = []
    current = ""
    for block in _blocks(normalize_text(text)):
        fill = 0 < len(current) < length // 2 and len(current) + len("\n\n") + len(block) > length
        for number, piece in enumerate(_pieces(block, length, split=fill)):
            joint = " " if number else "\n\n"
            if current and len(current) + len(joint) + len(piece) <= length:
                current += joint + piece
            else:
                if current:
                    passages.append(current)
                current = piece
    if current:
        passages.append(current)
    return tuple(passages)


def _blocks(text: str) -> Iterator[str]:
    """Return the paragraphs of a text, each with the headings directly before it."""
    headings: list[str] = []
    for paragraph in _BLANK_LINES.split(text):
        body: list[str] = []
        for line in paragraph.splitlines():
            if _HEADING.match(line):
                if body:
                    yield "\n".join([*headings, *body])
                    headings, body = [], []
                headings.append(line)
            elif line.strip():
                body.append(line)
        if body:
            yield "\n".join([*headings, *body])
            headings = []
    if headings:
        yield "\n".join(headings)


def _pieces(block: str, length: int, *, split: bool) -> Iterator[str]:
    """Return a block as a whole, or in sentences, words or parts of words that fit.

    Args:
        block: Paragraph with its headings.
        length: Highest number of characters in a piece.
        split: Whether to split the block even if it fits.
    """
    if len(block) <= length and not split:
        yield block
        return
    lines = block.splitlines()
    headings = [line for line in lines if _HEADING.match(line)]
    first, *following = _SENTENCE_END.split("\n".join(lines[len(headings) :]))
    # A heading stays with the first sentence below it, even if it ends like a sentence itself.
    for sentence in ("\n".join([*headings, first]).strip(), *following):
        if len(sentence) <= length:
            yield sentence
            continue
        line = ""
        for word in sentence.split():
            rest = word
            if line and len(line) + 1 + len(rest) <= length:
                line += " " + rest
                continue
            if line:
                yield line
            while len(rest) > length:
                yield rest[:length]
                rest = rest[length:]
            line = rest
        if line:
            yield line
