"""Lookup of a product by its id or its name."""

import uuid

from application.products.ports import Products
from domain.errors import NotFoundError
from domain.products.errors import AmbiguousProductError
from domain.products.product import Product


async def choose_product(products: Products, key: str) -> Product:
    """Return the product with this id, deleted or not, or the only product with this name that is not deleted.

    Raises:
        NotFoundError: There is no such product.
        AmbiguousProductError: Several products have the name.
    """
    try:
        product = await products.find(uuid.UUID(key))
    except ValueError:
        matching = await products.named(key)
        if len(matching) > 1:
            raise AmbiguousProductError(key, [product.id for product in matching]) from None
        product = matching[0] if matching else None
    if product is None:
        raise NotFoundError("product", key, "name a product by its id or its exact name: backend product list")
    return product
