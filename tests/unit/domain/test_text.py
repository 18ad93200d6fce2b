"""Normalizing, hashing and splitting of text."""

import random

import pytest

from domain.documents.text import content_hash, normalize_text, split_into_passages, title_of

SENTENCES = "One two three. Four five six! Seven eight nine? " * 60


def letters(text: str) -> str:
    """Return a text without blanks."""
    return "".join(text.split())


def test_hash_ignores_what_no_reader_sees() -> None:
    """Line ends, trailing blanks, a byte order mark and the composition of accents do not make another text."""
    assert content_hash("\ufeffcafe\u0301  \r\nzwei\r\n\n") == content_hash("caf\u00e9\nzwei")
    assert len(content_hash("x")) == 64


def test_hash_tells_texts_apart() -> None:
    """Another word is another text."""
    assert content_hash("one") != content_hash("two")


def test_nul_is_dropped() -> None:
    """Postgres cannot store NUL, so that no text holds one."""
    assert normalize_text("a\0b") == "ab"


@pytest.mark.parametrize("text", ["", " \n\t\n ", "\0"])
def test_empty_text_has_no_passages(text: str) -> None:
    """Where there is no word, there is no passage."""
    assert split_into_passages(text) == ()


def test_short_text_is_one_passage() -> None:
    """A text that fits stays whole, paragraphs included."""
    assert split_into_passages("First.\n\n\nSecond.") == ("First.\n\nSecond.",)


def test_long_paragraph_is_split_between_sentences() -> None:
    """Passages of one paragraph begin and end with a sentence, and come near to the length."""
    passages = split_into_passages(SENTENCES)
    assert all(passage[-1] in ".!?" for passage in passages)
    assert all(700 < len(passage) <= 800 for passage in passages[:-1])


def test_short_paragraph_is_not_left_alone() -> None:
    """A line before a paragraph that just fits a passage of its own is filled up with its first sentences."""
    passages = split_into_passages(f"Family of flies.\n\n{SENTENCES[:795]}")
    assert passages[0].startswith("Family of flies.\n\nOne two three.")
    assert len(passages[0]) > 700


def test_heading_stays_with_its_text() -> None:
    """A heading never ends a passage while text of its own follows."""
    text = f"{'word ' * 150}\n\n# Top\n\n## Part\n\nText of the part, long enough not to fit in the first passage."
    passages = split_into_passages(text)
    assert passages[1].startswith("# Top\n## Part\nText of the part")


def test_heading_stays_with_the_first_sentence_of_a_long_paragraph() -> None:
    """A heading whose text is split goes with the beginning of that text."""
    first = split_into_passages(f"{'word ' * 158}\n\n# Title\n\n{SENTENCES}")[1]
    assert first.startswith("# Title\nOne two three.")


def test_question_as_heading_stays_with_its_text() -> None:
    """A heading that ends like a sentence is not taken for one."""
    first = split_into_passages(f"{'word ' * 157}\n\n# Why?\n\n{SENTENCES}")[1]
    assert first.startswith("# Why?\nOne two three.")


def test_heading_without_text_is_kept() -> None:
    """A heading at the end of a text is part of a passage, too."""
    assert split_into_passages("Text.\n\n# End") == ("Text.\n\n# End",)


def test_endless_word_is_cut() -> None:
    """A word longer than a passage is cut, and nothing of it is lost."""
    passages = split_into_passages("a" * 2001)
    assert [len(passage) for passage in passages] == [800, 800, 401]


def test_nothing_is_lost_and_nothing_too_long() -> None:
    """Of any text, each character but blanks is in a passage once and in order; none is empty or longer than said."""
    source = random.Random(7)
    for _ in range(300):
        parts = source.choices(
            ["wort ", "Ende. ", "\n", "\n\n", "# Titel\n", "x" * 90, "¿qué? ", "\t", "#", "é"], k=120
        )
        text = "".join(parts)
        length = source.choice([40, 200, 800])
        passages = split_into_passages(text, length)
        assert letters("".join(passages)) == letters(normalize_text(text))
        assert all(passage.strip() and len(passage) <= length for passage in passages)


def test_splitting_is_stable() -> None:
    """The same text gives the same passages."""
    assert split_into_passages(SENTENCES) == split_into_passages(SENTENCES)


def test_title_is_the_first_heading() -> None:
    """A Markdown file is called by its first heading, another one by the name that is given."""
    assert title_of("intro\n\n## The title\n# Later", "file.md") == "The title"
    assert title_of("no heading", "notes.txt") == "notes.txt"
    assert len(title_of("# " + "x" * 400, "f")) == 300


@pytest.mark.parametrize("text", ["Aaaaaaaa.\nBbbbbbbbb.", "ab\n\nAaaaaaa.\nBbbbbb."])
def test_what_fits_exactly_is_not_split(text: str) -> None:
    """A passage may be as long as the limit, and keeps the line breaks of its paragraphs."""
    assert len(text) == 20
    assert split_into_passages(text, 20) == (text,)


def test_words_fill_a_passage_to_its_last_letter() -> None:
    """A word that ends a line of exactly the greatest length still stands on it."""
    words = ["eightlet", *["seven77"] * 300]
    first, *_ = split_into_passages(" ".join(words))
    assert len(first) == 800
    assert first == " ".join(words[:100])


def test_a_heading_and_its_sentence_may_fill_a_passage() -> None:
    """They stay on lines of their own where they fit to the last letter."""
    sentence = f"{'word ' * 157}ends."
    first, *_ = split_into_passages(f"# Heading\n{sentence} {SENTENCES}")
    assert len(f"# Heading\n{sentence}") == 800
    assert first == f"# Heading\n{sentence}"
