"""Use cases of products."""

import asyncio
import datetime as dt
import uuid
from dataclasses import dataclass
from decimal import Decimal

import pytest

from application.products.add_product import AddProduct
from application.products.delete_product import DeleteProduct
from application.products.list_products import ListProducts
from application.products.restore_product import RestoreProduct
from domain.errors import AlreadyDeletedError, NotDeletedError, NotFoundError
from domain.products.errors import AmbiguousProductError
from domain.products.product import Product
from tests.unit.application.fakes import FakeProducts, FakeTransaction


def test_delete_hides_and_restore_shows() -> None:
    """A deleted product leaves the list, and returns when it is restored."""
    products = FakeProducts()
    transaction = FakeTransaction(products)
    cup = asyncio.run(AddProduct(products, transaction)("Cup", Decimal(3), 5))
    delete, restore = DeleteProduct(products, transaction), RestoreProduct(products, transaction)
    listed = ListProducts(products, transaction)
    asyncio.run(delete("Cup"))
    assert asyncio.run(listed()) == []
    with pytest.raises(AlreadyDeletedError):
        asyncio.run(delete(str(cup.id)))
    asyncio.run(restore(cup.id))
    assert asyncio.run(listed()) == [cup]
    with pytest.raises(NotDeletedError):
        asyncio.run(restore(cup.id))


@dataclass
class ContestedProducts(FakeProducts):
    """Products of which another session changes one before it can be locked: `locked` is what the lock finds."""

    locked: Product | None = None

    async def find(self, product_id: uuid.UUID, *, for_change: bool = False) -> Product | None:
        """Look up; under the lock, what others have left."""
        return self.locked if for_change else await super().find(product_id)


def test_what_is_deleted_is_what_the_lock_finds() -> None:
    """Somebody has deleted the product meanwhile; where its row is gone, it is the one that was chosen."""
    products = ContestedProducts()
    transaction = FakeTransaction(products)
    cup = asyncio.run(AddProduct(products, transaction)("Cup", Decimal(3), 5))
    delete = DeleteProduct(products, transaction)
    products.locked = cup.delete(dt.datetime.now(dt.UTC))
    with pytest.raises(AlreadyDeletedError):
        asyncio.run(delete("Cup"))
    products.locked = None
    assert asyncio.run(delete("Cup")).id == cup.id


def test_a_name_must_mean_one_product() -> None:
    """Where two products have the name, the error gives the ids to choose from; where none has it, it says so."""
    products = FakeProducts()
    transaction = FakeTransaction(products)
    add = AddProduct(products, transaction)
    ids = {asyncio.run(add("Cup", Decimal(price))).id for price in (3, 4)}
    with pytest.raises(AmbiguousProductError) as refused:
        asyncio.run(DeleteProduct(products, transaction)("Cup"))
    assert set(refused.value.candidates) == ids
    for key in ("Plate", str(uuid.uuid4())):
        with pytest.raises(NotFoundError):
            asyncio.run(DeleteProduct(products, transaction)(key))
    with pytest.raises(NotFoundError):
        asyncio.run(RestoreProduct(products, transaction)(uuid.uuid4()))
