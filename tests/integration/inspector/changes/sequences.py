"""Changes of sequences."""

from tests.integration.inspector.change import Change, alter, grant

SEQUENCES: dict[str, Change] = {
    "sequence increment": alter(
        "sequence", "shop.numbers", "increment", "INCREMENT 5", "INCREMENT 1", head="ALTER SEQUENCE shop.numbers"
    ),
    "sequence cycle": alter(
        "sequence", "shop.numbers", "cycle", "CYCLE", "NO CYCLE", head="ALTER SEQUENCE shop.numbers"
    ),
    "sequence type": alter(
        "sequence", "shop.numbers", "type", "AS integer", "AS bigint", head="ALTER SEQUENCE shop.numbers"
    ),
    "sequence owner column": alter(
        "sequence",
        "shop.numbers",
        "owned_by",
        "OWNED BY shop.users.age",
        "OWNED BY NONE",
        head="ALTER SEQUENCE shop.numbers",
    ),
    "sequence of an identity": Change(
        "ALTER TABLE shop.users ALTER id SET CACHE 20",
        ("sequence", "shop.users_id_seq"),
        "cache",
        "ALTER TABLE shop.users ALTER id SET CACHE 1",
    ),
    "sequence grant": grant("USAGE ON SEQUENCE shop.numbers", ("sequence", "shop.numbers")),
}
