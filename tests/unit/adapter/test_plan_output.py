"""What a person and a program get of a plan: lines of the terminal's width, JSON, Markdown, a page without scripts."""

import json
import re
from html.parser import HTMLParser

import pytest

from adapter.outbound.migration.report import plan_html, plan_json, plan_markdown, plan_text
from domain.migration.deployment.plan import Destroyed, Loss, Part, PartKind, Plan, WayBack
from domain.migration.locks import LockMode
from domain.migration.verification.round_trip import Reversibility
from tests.unit.domain.migration.deployment.plans import lock, plan, planned

USERS, ORDERS = "public.users", "public.orders"
LOSSY = WayBack(Reversibility.LOSSY, {f"{USERS}.plan": "public.users.plan: all 30 values gone"})
REFUSED = WayBack(Reversibility.IRREVERSIBLE, reason="hashes have no way back")
BACKFILL = Part(PartKind.BACKFILL, 2, 2, (350.0, 650.0), batches=50_000)
MIXED = plan(
    planned("a1", lock(USERS, LockMode.SHARE), way_back=LOSSY),
    planned("a2", lock(ORDERS, seconds=(20.0, 40.0)), verdict="unsafe", reasons=("table-rewrite",), way_back=REFUSED),
    planned("a3", parts=(Part(PartKind.AUTOCOMMIT, 1, 1), BACKFILL), accepted={"unbatched-write": "empty until May"}),
    planned("a4", verdict="not judged", not_run="a2 fails", parts=(), seconds=None, way_back=WayBack(None, reason="?")),
)
FORMATS = {"text": plan_text.render, "markdown": plan_markdown.render, "html": plan_html.render}


@pytest.mark.parametrize("form", list(FORMATS))
def test_each_format_says_what_a_deployer_needs(form: str) -> None:
    """Verdict, reason, accepted errors, what waits how long, batches, losses, refusals, and the sum."""
    text = re.sub(r"\s+", " ", FORMATS[form](MIXED))

    for fact in (
        "unsafe: table-rewrite",
        "not judged: a2 fails",
        "unbatched-write: empty until May",
        "public.users SHARE: writes wait, 2 ms to 4 ms",
        "public.orders ACCESS EXCLUSIVE: reads and writes wait, 20 s to 40 s",
        "statement 2 in up to 50,000 batches, 5.8 min to 11 min",
        "public.users.plan: all 30 values gone",
        "none, the downgrade refuses: hashes have no way back",
        "4 steps: 2 not safe, 1 without a proved way back",
        "How long it takes was not measured. Statements of the application wait at most 20 s to 40 s at a time.",
    ):
        assert fact in text, fact


@pytest.mark.parametrize("form", list(FORMATS))
def test_a_downgrade_says_what_it_takes_away(form: str) -> None:
    """In the place of the way back, with the number of rows; no format calls it an upgrade."""
    lost = (Destroyed(USERS, Loss.ROWS, 1000, "rows are deleted"), Destroyed(f"{USERS}.plan", Loss.COLUMN, None))
    text = re.sub(r"\s+", " ", FORMATS[form](plan(planned("a1", destroys=lost), is_downgrade=True)))

    assert "rows of public.users, which has 1,000: rows are deleted" in text
    assert "column public.users.plan with an unknown number of values" in text
    assert "1 step back: 2 things taken away" in text
    assert "owngrade" in text
    assert "Upgrade" not in text
    assert "way back" not in text


@pytest.mark.parametrize("form", list(FORMATS))
def test_a_good_plan_reads_well(form: str) -> None:
    """Nobody waits, and nothing is to be done at the goal."""
    good = re.sub(r"\s+", " ", FORMATS[form](plan(planned("a1"), planned("a2"))))
    assert "2 steps: all safe, and each has a proved way back" in good
    assert "It takes 20 ms to 40 ms. No statement of the application waits." in good
    assert "the downgrade restores everything" in good
    assert "nothing to do: the database is there already" in FORMATS[form](plan())


@pytest.mark.parametrize("width", [60, 100, 200])
@pytest.mark.parametrize("color", [False, True])
def test_lines_fit_the_terminal(width: int, color: bool) -> None:
    """No line is wider, and none is padded."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", plan_text.render(MIXED, color=color, width=width)).splitlines()
    assert max(map(len, lines)) <= width
    assert all(line == line.rstrip() for line in lines)


def test_json_has_all_of_it() -> None:
    """With its hash, with which a deployment compares its own plan."""
    data = json.loads(plan_json.render(MIXED))

    assert (data["schema"], data["hash"]) == ("hexalembic.plan/1", MIXED.hash())
    assert data["target"]["system_identifier"] == "7512"
    assert (data["seconds"], data["blocked_seconds"]) == (None, [20.0, 40.0])
    first, second, third, fourth = data["steps"]
    assert first["way_back"] == {"reversibility": "lossy", "losses": dict(LOSSY.losses), "reason": None}
    assert (second["verdict"], second["reasons"]) == ("unsafe", ["table-rewrite"])
    assert second["locks"][0] | {"starts": None} == {
        "relation": ORDERS,
        "table": ORDERS,
        "mode": "ACCESS EXCLUSIVE",
        "blocks_reads": True,
        "blocks_writes": True,
        "from_statement": 1,
        "to_statement": 1,
        "starts": None,
        "seconds": [20.0, 40.0],
    }
    assert third["parts"][1] == {
        "kind": "backfill",
        "first": 2,
        "last": 2,
        "seconds": [350.0, 650.0],
        "batches": 50_000,
        "concurrent": False,
    }
    assert (fourth["not_run"], fourth["way_back"]["reversibility"]) == ("a2 fails", None)


class _Page(HTMLParser):
    """Collects what a page refers to, and whether its elements are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []
        self.bars = 0
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [str(value) for name, value in attributes if name in {"href", "src", "xlink:href"}]
        self.bars += tag == "rect" and dict(attributes).get("rx") is not None
        if tag not in {"meta", "line"}:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [str(value) for name, value in attributes if name in {"href", "src"}]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


def test_the_page_needs_nothing_else() -> None:
    """One file, without scripts and without an address from which anything would be fetched."""
    text = plan_html.render(MIXED)
    page = _Page(text)
    assert page.references == []
    assert "script" not in page.tags
    assert "url(" not in text
    assert page.bars == len([one for step in MIXED.steps for one in step.blocking_locks])


def _named(name: str) -> Plan:
    return plan(planned("a1", lock(name), message=f"Change {name}."))


def test_names_cannot_break_the_page() -> None:
    """A table may be called anything."""
    _Page(plan_html.render(_named('public."<script>alert(1)</script>&"')))
    assert "<script>" not in plan_html.render(_named('public."<script>alert(1)</script>&"'))
    assert "${1+1}" in plan_html.render(_named('public."${1+1}"'))


@pytest.mark.parametrize("render", [plan_text.render, plan_json.render, plan_markdown.render, plan_html.render])
def test_no_format_shows_a_password(render: object) -> None:
    """Nor one that stands in a message or in what the downgrade says."""
    secret = "postgresql://user:s3cr3t@db/shop"  # noqa: S105
    shown = plan(planned("a1", message=f"Copies from {secret}.", way_back=WayBack(None, reason=f"no {secret}")))
    assert "s3cr3t" not in render(shown)  # type: ignore[operator]
