"""${message}

Revision: ${up_revision}
Revises: ${down_revision | comma,n}
Date: ${create_date}

Purpose:
Phase: expand | migrate | contract
Locks:
Downgrade loses data: no

How this runs, and how to write it:
- Each revision is a transaction of its own. `lock_timeout` is short (2 s): while a statement waits for its lock, every
  statement behind it waits too. A revision that gives way is tried again from its beginning.
- Build an index on a table in use with `with op.get_context().autocommit_block():` and `postgresql_concurrently=True`,
  alone in its revision; it gets a lock timeout of 1 h by itself, since it waits without blocking anybody. Write it so
  that it can run twice: drop what an interrupted build left first (`migrate rules blocking-index-build`).
- Override for one call: `alembic -x lock_timeout=10s -x concurrent_lock_timeout=2h -x lock_retries=20 upgrade head`.
- New column: add it nullable, backfill in batches in the next revision, then CHECK NOT VALID, VALIDATE, SET NOT NULL.
- Import nothing of the application: a revision is frozen once it has been applied anywhere.
Delete this paragraph when the revision is written.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}

revision: str = ${repr(up_revision)}
down_revision: str | Sequence[str] | None = ${repr(down_revision)}
branch_labels: str | Sequence[str] | None = ${repr(branch_labels)}
depends_on: str | Sequence[str] | None = ${repr(depends_on)}


def upgrade() -> None:
    """Apply the change."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Take the change back."""
    ${downgrades if downgrades else "pass"}
