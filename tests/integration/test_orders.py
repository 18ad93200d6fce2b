"""Orders on a real server."""

import datetime as dt
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from adapter.bootstrap.backend import Backend
from application.orders.place_order import WantedItem
from domain.orders.errors import OutOfStockError
from domain.orders.order import Order, OrderLine, OrderStatus
from domain.products.product import Product
from domain.users.user import User
from tests.integration.backends import act, act_at_once, rows


@pytest.fixture
def shop_url(migrated_url: str) -> str:
    """A database with Ana, five cups and fifty plates."""
    act(migrated_url, lambda backend: backend.register_user("ana@example.org", "Ana"))
    act(migrated_url, lambda backend: backend.add_product("Cup", Decimal("3.10"), 5))
    act(migrated_url, lambda backend: backend.add_product("Plate", Decimal("7.05"), 50))
    return migrated_url


def place(*items: tuple[str, int]) -> Callable[[Backend], Awaitable[Order]]:
    """Return an action that orders for Ana."""
    wanted = [WantedItem(product, quantity) for product, quantity in items]

    async def action(backend: Backend) -> Order:
        return await backend.place_order("ana@example.org", wanted)

    return action


def stocks(url: str) -> dict[str, int]:
    """Return what is left."""
    return dict(rows(url, "SELECT name, stock FROM products"))


def test_order_is_stored_whole(shop_url: str) -> None:
    """An order is read back as it was placed, its total is in its row, and the stock fell by it."""
    order = act(shop_url, place(("Cup", 2), ("Plate", 1)))
    shown = act(shop_url, lambda backend: backend.show_order(order.number))
    assert (shown.number, shown.total, shown.status) == (order.number, Decimal("13.25"), OrderStatus.PENDING)
    assert set(shown.lines) == set(order.lines)
    assert rows(shop_url, "SELECT total_amount FROM orders") == [(Decimal("13.25"),)]
    assert stocks(shop_url) == {"Cup": 3, "Plate": 49}


def test_sixteen_orders_for_the_last_five(shop_url: str) -> None:
    """Of sixteen orders at the same time for the last five pieces exactly five succeed, and the stock ends at zero."""
    results = act_at_once(shop_url, [place(("Cup", 1))] * 16)
    assert sum(isinstance(result, Order) for result in results) == 5
    assert sum(isinstance(result, OutOfStockError) for result in results) == 11
    assert stocks(shop_url)["Cup"] == 0
    assert rows(shop_url, "SELECT count(*), sum(quantity) FROM order_products") == [(5, 5)]


def test_orders_of_the_same_products_do_not_deadlock(shop_url: str) -> None:
    """Orders that name the same products in opposite order wait for each other, and all succeed."""
    actions = [place(("Plate", 1), ("Cup", 1)), place(("Cup", 1), ("Plate", 1))] * 2
    results = act_at_once(shop_url, actions)
    assert [type(result) for result in results] == [Order] * 4
    assert stocks(shop_url) == {"Cup": 1, "Plate": 46}


def test_failed_order_leaves_nothing(shop_url: str) -> None:
    """When one product falls short, what was taken of the others is put back, and no order is there."""
    with pytest.raises(OutOfStockError) as refused:
        act(shop_url, place(("Plate", 1), ("Cup", 6)))
    assert (refused.value.product, refused.value.available) == ("Cup", 5)
    assert stocks(shop_url) == {"Cup": 5, "Plate": 50}
    assert rows(shop_url, "SELECT count(*) FROM orders") == [(0,)]


def test_price_of_an_order_stays(shop_url: str) -> None:
    """A later price does not change an order."""
    order = act(shop_url, place(("Cup", 1)))
    rows(shop_url, "UPDATE products SET price = 99 WHERE name = 'Cup'")
    assert act(shop_url, lambda backend: backend.show_order(order.number)).total == Decimal("3.10")


def test_import_is_repeatable_and_consistent(migrated_url: str) -> None:
    """A history that is imported twice, and twice at once, is stored once; the stock is what it left."""
    customer = User.register("ana@example.org", "Ana")
    cup = Product.add("Cup", Decimal(3), 1000)
    moment = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    orders = [
        Order(uuid.uuid4(), f"H-{number:03}", customer.id, moment, (OrderLine(cup.id, "Cup", 2, cup.price),))
        for number in range(200)
    ]

    async def imports(backend: Backend) -> tuple[int, int]:
        await backend.import_history.catalog([cup])
        return await backend.import_history([customer], orders)

    results = act_at_once(migrated_url, [imports] * 3)
    assert sorted(results, key=str) == [(0, 0), (0, 0), (1, 200)]
    assert act(migrated_url, imports) == (0, 0)
    assert stocks(migrated_url) == {"Cup": 600}
    assert rows(migrated_url, "SELECT count(*), min(created_at) FROM orders") == [(200, moment)]


def test_import_skips_what_is_stored_under_either_key(migrated_url: str) -> None:
    """A customer or an order is skipped whichever of its keys is stored, so that imports at once meet no key error."""
    ana, cup = User.register("ana@example.org", "Ana"), Product.add("Cup", Decimal(3), 10)
    line = OrderLine(cup.id, "Cup", 2, cup.price)
    order = Order(uuid.uuid4(), "H-1", ana.id, dt.datetime(2020, 1, 1, tzinfo=dt.UTC), (line,))
    others = replace(ana, email="ana@example.com"), replace(order, number="H-2")
    act(migrated_url, lambda backend: backend.import_history.catalog([cup]))

    assert act(migrated_url, lambda backend: backend.import_history([ana], [order])) == (1, 1)
    assert act(migrated_url, lambda backend: backend.import_history([others[0]], [others[1]])) == (0, 0)
    assert stocks(migrated_url) == {"Cup": 8}
