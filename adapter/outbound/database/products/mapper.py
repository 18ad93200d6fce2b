"""Conversion between rows and entities of the products context."""

from adapter.outbound.database.products.models import sqlalchemy as rows
from domain.products.product import Product


def to_product(row: rows.Product) -> Product:
    """Return the entity of a product from its row."""
    return Product(row.id, row.name, row.price, row.stock, row.description, row.deleted_at)


def to_product_values(product: Product) -> dict[str, object]:
    """Return the values of a product's row by column."""
    return {
        "id": product.id,
        "name": product.name,
        "price": product.price,
        "stock": product.stock,
        "description": product.description,
        "deleted_at": product.deleted_at,
    }
