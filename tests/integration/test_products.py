"""Products on a real server."""

from decimal import Decimal

import psycopg
import pytest

from domain.errors import NotDeletedError
from domain.products.errors import AmbiguousProductError
from tests.integration.backends import act, rows


def test_add_and_list(migrated_url: str) -> None:
    """Products are listed by name, with exact prices."""
    act(migrated_url, lambda backend: backend.add_product("Plate", Decimal("7.5"), 3))
    act(migrated_url, lambda backend: backend.add_product("Cup", Decimal("99999999.99"), 0, "holds tea"))
    listed = act(migrated_url, lambda backend: backend.list_products())
    assert [(product.name, str(product.price), product.stock) for product in listed] == [
        ("Cup", "99999999.99", 0),
        ("Plate", "7.50", 3),
    ]
    assert listed[0].description == "holds tea"


def test_delete_and_restore(migrated_url: str) -> None:
    """A deleted product leaves the list and returns to it; its stock stays."""
    cup = act(migrated_url, lambda backend: backend.add_product("Cup", Decimal(3), 5))
    act(migrated_url, lambda backend: backend.delete_product("Cup"))
    assert act(migrated_url, lambda backend: backend.list_products()) == []
    assert act(migrated_url, lambda backend: backend.restore_product(cup.id)) == cup
    with pytest.raises(NotDeletedError):
        act(migrated_url, lambda backend: backend.restore_product(cup.id))


def test_a_name_must_mean_one_product(migrated_url: str) -> None:
    """Two living products of one name are told apart by id only; a deleted one does not count."""
    cups = [act(migrated_url, lambda backend: backend.add_product("Cup", Decimal(3))) for _ in range(2)]
    with pytest.raises(AmbiguousProductError):
        act(migrated_url, lambda backend: backend.delete_product("Cup"))
    act(migrated_url, lambda backend: backend.delete_product(str(cups[0].id)))
    assert act(migrated_url, lambda backend: backend.delete_product("Cup")).id == cups[1].id


def test_the_table_itself_refuses_a_negative_stock(migrated_url: str) -> None:
    """What slips past the application stops at the column's check."""
    act(migrated_url, lambda backend: backend.add_product("Cup", Decimal(3), 5))
    with pytest.raises(psycopg.errors.CheckViolation):
        rows(migrated_url, "UPDATE products SET stock = stock - 6")
