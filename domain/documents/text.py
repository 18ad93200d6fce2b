"""Normalizing, hashing and splitting text. Pure functions: the same text gives the same passages."""

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
    """Return the one spelling of a text: NFC, line feeds, no blanks at the ends of lines, no NUL, trimmed.

    Two files that differ only in what no reader sees are the same text.
    """
    composed = unicodedata.normalize("NFC", text.removeprefix("\ufeff")).replace("\0", "")
    return "\n".join(line.rstrip() for line in composed.splitlines()).strip()


def content_hash(text: str) -> str:
    """Return the SHA-256 of the normalized text, 64 hexadecimal digits."""
    return hashlib.sha256(normalize_text(text).encode()).hexdigest()


def title_of(text: str, fallback: str) -> str:
    """Return the first Markdown heading, or the fallback when there is none; at most 300 characters."""
    for line in text.splitlines():
        if _HEADING.match(line):
            return line.lstrip("#").strip()[:_TITLE_LENGTH]
    return fallback[:_TITLE_LENGTH]


def split_into_passages(text: str, length: int = PASSAGE_LENGTH) -> tuple[str, ...]:
    """Split a text into passages that are embedded and found one by one.

    Paragraphs are packed together up to the length. One that does not fit is split between sentences when it is longer
    than a passage, or when the passage before it would stay less than half full; a longer sentence is split between
    words, a longer word anywhere. A Markdown heading stays with the text that follows it. No passage is empty,
    none is longer than the length, and all of them together hold every character but blanks.

    Args:
        text: Any text.
        length: Most characters of a passage.
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
    """Return paragraphs, each with the headings right before it."""
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
    """Return the block whole, if it fits and need not be split, else as sentences, words or parts of words that fit."""
    if len(block) <= length and not split:
        yield block
        return
    lines = block.splitlines()
    headings = [line for line in lines if _HEADING.match(line)]
    first, *others = _SENTENCE_END.split("\n".join(lines[len(headings) :]))
    # A heading may end like a sentence, and stays with the first one below it all the same.
    for sentence in ("\n".join([*headings, first]).strip(), *others):
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
