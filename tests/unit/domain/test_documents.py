"""Rules of documents, and the ranking of passages."""

import datetime as dt
import uuid

import pytest

from domain.documents.document import Document
from domain.documents.errors import EmptyDocumentError
from domain.documents.ranking import FoundPassage, rank
from domain.errors import AlreadyDeletedError, InvalidValueError, NotDeletedError

NOW = dt.datetime(2026, 1, 31, 12, 0, tzinfo=dt.UTC)


def passage(title: str, content: str, similarity: float) -> FoundPassage:
    """Return a candidate."""
    return FoundPassage(uuid.uuid4(), title, "source", (), 0, content, similarity, similarity)


def test_document_without_text_is_refused() -> None:
    """A text without a word cannot be found, so it is not taken in."""
    with pytest.raises(EmptyDocumentError):
        Document.take_in("Title", "file.md", " \n ")


def test_document_without_title_is_refused() -> None:
    """Results show a title."""
    with pytest.raises(InvalidValueError, match="title"):
        Document.take_in(" ", "file.md", "text")


def test_the_longest_title_is_accepted() -> None:
    """A title has 1 to 300 characters."""
    assert len(Document.take_in("T" * 300, "file.md", "text").title) == 300
    with pytest.raises(InvalidValueError, match="title"):
        Document.take_in("T" * 301, "file.md", "text")


def test_tags_are_a_set() -> None:
    """Labels are trimmed, sorted, and there once."""
    assert Document.take_in("T", "s", "text", ["b", " a", "b", ""]).tags == ("a", "b")


def test_title_is_embedded_with_each_passage() -> None:
    """A passage that does not name its subject is found by the title."""
    document = Document.take_in("Zürich", "s", "It lies on a river. " * 60)
    assert len(document.passages) == 2
    assert all(text.startswith("Zürich\nIt lies") for text in document.embedding_texts())


def test_soft_delete_and_restore() -> None:
    """Deleting twice and restoring the living are refused."""
    document = Document.take_in("T", "s", "text")
    deleted = document.delete(NOW)
    assert deleted.restore() == document
    with pytest.raises(AlreadyDeletedError):
        deleted.delete(NOW)
    with pytest.raises(NotDeletedError):
        document.restore()


def test_shared_rare_word_beats_a_small_lead_in_similarity() -> None:
    """Of passages of like meaning, the one that holds the rare word of the query comes first, whatever its accents."""
    found = rank(
        "¿quién descubrió la PENICILINA?",
        [
            passage("Estadística", "la ciencia de los datos", 0.53),
            passage("Zhuangzi", "la obra del filósofo", 0.52),
            passage("Alexander Fleming", "descubrió la penicilína", 0.51),
        ],
    )
    assert (found[0].title, found[0].similarity) == ("Alexander Fleming", 0.51)


def test_words_that_all_candidates_hold_weigh_nothing() -> None:
    """Where no word distinguishes the candidates, meaning alone decides."""
    found = rank("the city", [passage("A", "the city", 0.4), passage("B", "the city", 0.5)])
    assert [result.title for result in found] == ["B", "A"]
    assert found[0].score / found[1].score == pytest.approx(0.5 / 0.4)


def test_ranking_nothing_gives_nothing() -> None:
    """A search without candidates has no results."""
    assert rank("anything", []) == []
