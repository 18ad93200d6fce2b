"""Find the one product that a person means."""

import uuid

from application.products.ports import Products
from domain.errors import NotFoundError
from domain.products.errors import AmbiguousProductError
from domain.products.product import Product


async def choose_product(products: Products, key: str) -> Product:
    """Return the product of this id, living or deleted, or the one living product of this name.

    Raises:
        NotFoundError: There is none.
        AmbiguousProductError: Several have the name.
    """
    try:
        found = await products.find(uuid.UUID(key))
    except ValueError:
        named = await products.named(key)
        if len(named) > 1:
            raise AmbiguousProductError(key, [product.id for product in named]) from None
        found = named[0] if named else None
    if found is None:
        raise NotFoundError("product", key, "name a product by its id or its exact name: backend product list")
    return found
