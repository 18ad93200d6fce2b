"""Use cases of orders."""

import asyncio
import datetime as dt
import uuid
from dataclasses import dataclass
from decimal import Decimal

import pytest

from application.orders.import_history import ImportHistory
from application.orders.place_order import PlaceOrder, WantedItem
from application.orders.show_order import ShowOrder
from domain.errors import InvalidValueError, NotFoundError
from domain.orders.errors import EmptyOrderError, OutOfStockError
from domain.orders.order import Order, OrderLine
from domain.products.product import Product
from domain.users.errors import UserMayNotOrderError
from domain.users.user import User
from tests.unit.application.fakes import FakeOrders, FakeProducts, FakeTransaction, FakeUsers

NOW = dt.datetime(2026, 1, 31, 12, 0, tzinfo=dt.UTC)


@dataclass
class Shop:
    """A shop with Ana, five cups and two plates."""

    users: FakeUsers
    products: FakeProducts
    orders: FakeOrders
    ana: User
    cup: Product
    plate: Product

    @property
    def transaction(self) -> FakeTransaction:
        """Guards everything."""
        return FakeTransaction(self.users, self.products, self.orders)

    def place(self, *items: WantedItem, email: str = "ana@example.org") -> Order:
        """Place an order."""
        use_case = PlaceOrder(self.users, self.products, self.orders, self.transaction)
        return asyncio.run(use_case(email, items))

    def stocks(self) -> tuple[int, int]:
        """Return what is left of cups and plates."""
        return self.products.stored[self.cup.id].stock, self.products.stored[self.plate.id].stock


@pytest.fixture
def shop() -> Shop:
    """Open it."""
    ana = User.register("ana@example.org", "Ana")
    cup, plate = Product.add("Cup", Decimal("3.10"), 5), Product.add("Plate", Decimal("7.05"), 2)
    products = FakeProducts({cup.id: cup, plate.id: plate})
    return Shop(FakeUsers({ana.email: ana}), products, FakeOrders(), ana, cup, plate)


def test_order_takes_stock_and_computes_total(shop: Shop) -> None:
    """An order takes its pieces, keeps the prices of the moment, and is found by its number."""
    order = shop.place(WantedItem("Cup", 2), WantedItem(str(shop.plate.id), 1), WantedItem("Cup", 1))
    assert order.total == Decimal("16.35")
    assert shop.stocks() == (2, 1)
    show = ShowOrder(shop.orders, shop.transaction)
    assert asyncio.run(show(f" {order.number.lower()} ")) == order


def test_products_are_taken_in_one_order(shop: Shop) -> None:
    """Whatever the order of the items, products are taken in that of their ids: no two orders wait crosswise."""
    shop.place(WantedItem("Plate", 1), WantedItem("Cup", 1))
    shop.place(WantedItem("Cup", 1), WantedItem("Plate", 1))
    assert shop.products.taken == sorted([shop.cup.id, shop.plate.id], key=str) * 2


def test_out_of_stock_takes_nothing(shop: Shop) -> None:
    """When one product falls short, no other is taken either, and the error says how many are left."""
    with pytest.raises(OutOfStockError) as refused:
        shop.place(WantedItem("Cup", 1), WantedItem("Plate", 3))
    assert (refused.value.product, refused.value.requested, refused.value.available) == ("Plate", 3, 2)
    assert shop.stocks() == (5, 2)
    assert not shop.orders.stored


def test_what_cannot_be_ordered_is_refused(shop: Shop) -> None:
    """Nothing, no pieces, unknown products, deleted products, unknown users and deleted users order nothing."""
    with pytest.raises(EmptyOrderError):
        shop.place()
    with pytest.raises(InvalidValueError):
        shop.place(WantedItem("Cup", 0))
    with pytest.raises(NotFoundError):
        shop.place(WantedItem("Fork", 1))
    with pytest.raises(NotFoundError):
        shop.place(WantedItem("Cup", 1), email="bob@example.org")
    asyncio.run(shop.products.save(shop.cup.delete(NOW)))
    with pytest.raises(NotFoundError):
        shop.place(WantedItem(str(shop.cup.id), 1))
    asyncio.run(shop.users.save(shop.ana.delete(NOW)))
    with pytest.raises(UserMayNotOrderError):
        shop.place(WantedItem("Plate", 1))
    assert not shop.orders.stored


def test_unknown_order_is_refused(shop: Shop) -> None:
    """A number that nobody gave shows nothing."""
    with pytest.raises(NotFoundError):
        asyncio.run(ShowOrder(shop.orders, shop.transaction)("20260131-00000-00000"))


def test_import_takes_stock_once(shop: Shop) -> None:
    """A history that is imported twice is stored once, and the stock falls by what it sold, once."""
    use_case = ImportHistory(shop.users, shop.products, shop.orders, shop.transaction)
    line = OrderLine(shop.cup.id, "Cup", 2, Decimal("3.10"))
    orders = [Order(uuid.uuid4(), f"H-{number}", shop.ana.id, NOW, (line,)) for number in range(2)]
    assert asyncio.run(use_case.catalog([shop.cup])) == 0
    assert asyncio.run(use_case([shop.ana], orders)) == (0, 2)
    assert asyncio.run(use_case([shop.ana], orders)) == (0, 0)
    assert shop.stocks() == (1, 2)


def test_an_import_takes_only_what_was_not_stored(shop: Shop) -> None:
    """Of a batch of which one order is there already, the stock falls by the other one."""
    use_case = ImportHistory(shop.users, shop.products, shop.orders, shop.transaction)
    line = OrderLine(shop.cup.id, "Cup", 1, Decimal("3.10"))
    first, second = (Order(uuid.uuid4(), f"H-{number}", shop.ana.id, NOW, (line,)) for number in range(2))
    before = shop.stocks()[0]
    asyncio.run(use_case([shop.ana], [first]))
    assert asyncio.run(use_case([shop.ana], [first, second])) == (0, 1)
    assert shop.stocks()[0] == before - 2
