"""Which locks a statement of a deployment is about to take."""

from domain.migration.deployment.plan import Part, PartKind
from domain.migration.deployment.wanted_locks import wanted_locks
from domain.migration.locks import LockMode
from tests.unit.domain.migration.deployment.plans import lock, planned

STEP = planned(
    "r2",
    lock("public.users", from_statement=2, to_statement=3),
    lock("public.orders", LockMode.SHARE_ROW_EXCLUSIVE, from_statement=3, to_statement=3),
    lock("public.notes", LockMode.SHARE_UPDATE_EXCLUSIVE, from_statement=2, to_statement=3),
    lock("public.carts", from_statement=4, to_statement=4),
    statements=("SELECT 1", "ALTER users", "ALTER orders", "ALTER carts"),
    parts=(Part(PartKind.TRANSACTION, 1, 3), Part(PartKind.AUTOCOMMIT, 4, 4)),
)


def wanted(sql: str) -> list[str]:
    """Return the relations that a statement locks, with what its transaction locks later."""
    return [lock.relation for lock in wanted_locks(STEP, sql)]


def test_those_up_to_the_end_of_its_transaction() -> None:
    """What the same transaction locks later must be free, too; what nobody waits for does not count."""
    assert wanted("ALTER users") == ["public.users", "public.orders"]
    assert wanted("ALTER orders") == ["public.orders"]
    assert wanted("ALTER carts") == ["public.carts"]


def test_the_first_statement_of_a_transaction() -> None:
    """It belongs to its transaction as those behind it do: what is locked later there must be free, too."""
    first = planned(
        "r2",
        lock("public.users", from_statement=1, to_statement=2),
        lock("public.orders", from_statement=2, to_statement=2),
        lock("public.carts", from_statement=3, to_statement=3),
        statements=("ALTER users", "ALTER orders", "ALTER carts"),
        parts=(Part(PartKind.TRANSACTION, 1, 2), Part(PartKind.TRANSACTION, 3, 3)),
    )
    assert [lock.relation for lock in wanted_locks(first, "ALTER users")] == ["public.users", "public.orders"]


def test_none_if_the_statement_itself_takes_none() -> None:
    """It need not wait for a moment in which another statement could go."""
    assert wanted("SELECT 1") == []


def test_all_of_the_step_if_the_statement_is_unknown() -> None:
    """A statement that did not run in the sandbox may take any of them."""
    assert wanted("ALTER something") == ["public.users", "public.orders", "public.carts"]


def test_a_statement_that_stands_there_twice() -> None:
    """It may be either of the two, and each lock counts once."""
    twice = planned(
        "r2",
        lock("public.users", from_statement=1, to_statement=1),
        lock("public.users", from_statement=2, to_statement=2),
        statements=("ALTER users", "ALTER users"),
        parts=(Part(PartKind.AUTOCOMMIT, 1, 2),),
    )
    assert [lock.relation for lock in wanted_locks(twice, "ALTER users")] == ["public.users"]
