"""The rules as a page of Markdown: what each means, a bad and a good revision, and how to accept it."""

from collections.abc import Iterable, Iterator

from domain.migration.analysis.rule import Example, Rule

_HEAD = """\
# The rules

What `migrate analyze` says of a revision, and what to write instead. `migrate rules --output docs/rules.md` writes this
page; `migrate rules CODE` shows one rule in the terminal. Each bad example is found and each good one is safe on a real
server: `tests/integration/test_rule_examples.py` runs them.

An **error** makes a revision unsafe. A **warning** or a **note** does not. A revision accepts one by its code:

```python
safety_assured = {"blocking-index-build": "the table has 200 rows"}
```

| rule | severity | in short |
|---|---|---|
"""


def render(rules: Iterable[Rule]) -> str:
    """Write the page."""
    found = list(rules)
    table = [f"| [`{rule.code}`](#{rule.code}) | {rule.severity.value} | {rule.title} |" for rule in found]
    return _HEAD + "\n".join([*table, "", *(line for rule in found for line in _section(rule))]).rstrip() + "\n"


def _section(rule: Rule) -> Iterator[str]:
    yield f"## {rule.code}"
    yield ""
    yield f"{rule.severity.value.capitalize()}. {rule.title}"
    yield ""
    for paragraph in rule.paragraphs:
        is_code = paragraph.startswith("    ")
        yield f"```python\n{_dedented(paragraph)}\n```" if is_code else paragraph
        yield ""
    for title, example in (("Instead of", rule.bad), ("write", rule.good)):
        yield title
        yield ""
        yield f"```python\n{code_of(example)}\n```"
        yield ""


def code_of(example: Example) -> str:
    """Return an example as the two functions of a revision."""
    return f"def upgrade():\n{_body(example.upgrade)}\n\ndef downgrade():\n{_body(example.downgrade)}"


def _body(text: str) -> str:
    return "\n".join(f"    {line}" if line.strip() else "" for line in text.strip().splitlines()) or "    pass"


def _dedented(paragraph: str) -> str:
    return "\n".join(line.removeprefix("    ") for line in paragraph.splitlines())
