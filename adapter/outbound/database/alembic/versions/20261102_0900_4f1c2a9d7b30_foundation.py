"""Foundation: pgvector, users, profiles, products, orders.

Revision: 4f1c2a9d7b30
Revises:
Date: 2026-11-02 09:00:00+00:00

Purpose: the extension, and the tables that everything else hangs on.
Phase: expand
Locks: none that anybody waits for: all tables are new.
Downgrade loses data: yes, everything. The extension is dropped only if this revision created it and nobody
    else uses it.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "4f1c2a9d7b30"
down_revision: str | Sequence[str] | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


EXTENSION_MARK = "pgvector, created by Alembic revision 4f1c2a9d7b30"


def _timestamps() -> list[sa.Column[Any]]:
    return [
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row was made",
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row last changed; kept by a trigger",
        ),
    ]


def _soft_delete() -> list[sa.Column[Any]]:
    return [
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the row was deleted; null while it is alive",
        ),
        sa.Column(
            "is_deleted",
            sa.Boolean(),
            sa.Computed("deleted_at IS NOT NULL", persisted=True),
            nullable=False,
            comment="Whether deleted_at is set; generated",
        ),
    ]


def _uuid_key() -> sa.Column[Any]:
    return sa.Column(
        "id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="Random UUID"
    )


def _keep_updated_at(table: str) -> None:
    op.execute(
        f"CREATE TRIGGER trg_{table}_set_updated_at BEFORE UPDATE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION public.set_updated_at()"
    )


def upgrade() -> None:
    """Create the extension, the enums, the function and the tables."""
    # The mark tells the downgrade whether the extension is ours to drop.
    op.execute(
        f"""
        DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'vector') THEN
                CREATE EXTENSION vector;
                COMMENT ON EXTENSION vector IS '{EXTENSION_MARK}';
            END IF;
        END $$
        """
    )
    op.execute("CREATE TYPE userstatus AS ENUM ('ACTIVE', 'INACTIVE')")
    op.execute("CREATE TYPE orderstatus AS ENUM ('PENDING', 'PAID', 'SHIPPED', 'CANCELLED')")
    op.execute(
        """
    CREATE FUNCTION public.set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        -- A backfill is no change that a user made; it says so.
        IF coalesce(current_setting('app.keep_updated_at', true), '') <> 'on' THEN
            NEW.updated_at := now();
        END IF;
        RETURN NEW;
    END
    $$
    """
    )
    _create_users()
    _create_profiles()
    _create_products()
    _create_orders()
    _create_order_products()


def _create_users() -> None:
    op.create_table(
        "users",
        _uuid_key(),
        sa.Column("email", sa.String(255), nullable=False, comment="Address, lower case; identifies the user"),
        sa.Column("name", sa.String(100), nullable=False, comment="Name as the user writes it"),
        sa.Column(
            "age", sa.Integer(), nullable=True, comment="Age in years when the user registered; null when not told"
        ),
        sa.Column(
            "status",
            postgresql.ENUM(name="userstatus", create_type=False),
            server_default=sa.text("'ACTIVE'"),
            nullable=False,
            comment="Whether the user may act",
        ),
        *_timestamps(),
        *_soft_delete(),
        sa.CheckConstraint("age >= 18", name=op.f("ck_users_age")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
        comment="People who can sign in and order",
    )
    op.create_index(
        op.f("idx_users_created_at"), "users", ["created_at"], postgresql_where=sa.text("deleted_at IS NULL")
    )
    _keep_updated_at("users")


def _create_profiles() -> None:
    op.create_table(
        "profiles",
        _uuid_key(),
        sa.Column("user_id", sa.Uuid(), nullable=False, comment="The user; the profile goes with them"),
        sa.Column("bio", sa.Text(), nullable=True, comment="Free text"),
        sa.Column("avatar_url", sa.String(500), nullable=True, comment="Address of a picture"),
        sa.Column(
            "preferences",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="Settings of the user interface",
        ),
        *_timestamps(),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_profiles_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles")),
        sa.UniqueConstraint("user_id", name=op.f("uq_profiles_user_id")),
        comment="What a user tells of themselves; one for each user",
    )
    _keep_updated_at("profiles")


def _create_products() -> None:
    op.create_table(
        "products",
        _uuid_key(),
        sa.Column("name", sa.String(200), nullable=False, comment="Name shown to customers"),
        sa.Column("description", sa.Text(), nullable=True, comment="Text shown to customers"),
        sa.Column("price", sa.Numeric(10, 2), nullable=False, comment="Price of one piece"),
        sa.Column(
            "stock",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Pieces that can still be ordered",
        ),
        *_timestamps(),
        *_soft_delete(),
        sa.CheckConstraint("price >= 0", name=op.f("ck_products_price")),
        sa.CheckConstraint("stock >= 0", name=op.f("ck_products_stock")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_products")),
        comment="Things that can be ordered while they are in stock",
    )
    op.create_index(op.f("idx_products_name"), "products", ["name"], postgresql_where=sa.text("deleted_at IS NULL"))
    _keep_updated_at("products")


def _create_orders() -> None:
    op.create_table(
        "orders",
        _uuid_key(),
        sa.Column("user_id", sa.Uuid(), nullable=False, comment="Who ordered"),
        sa.Column("order_number", sa.String(32), nullable=False, comment="Number that people quote"),
        sa.Column(
            "status",
            postgresql.ENUM(name="orderstatus", create_type=False),
            server_default=sa.text("'PENDING'"),
            nullable=False,
            comment="How far the order has come",
        ),
        sa.Column("total_amount", sa.Numeric(12, 2), nullable=False, comment="Sum of quantity times unit price"),
        *_timestamps(),
        sa.CheckConstraint("total_amount >= 0", name=op.f("ck_orders_total_amount")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_orders_user_id_users"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("order_number", name=op.f("uq_orders_order_number")),
        comment="What one user bought at one time",
    )
    op.create_index(op.f("idx_orders_user_id"), "orders", ["user_id"])
    _keep_updated_at("orders")


def _create_order_products() -> None:
    op.create_table(
        "order_products",
        sa.Column("order_id", sa.Uuid(), nullable=False, comment="The order; its lines go with it"),
        sa.Column("product_id", sa.Uuid(), nullable=False, comment="What was ordered"),
        sa.Column("quantity", sa.Integer(), nullable=False, comment="Pieces ordered"),
        sa.Column("unit_price", sa.Numeric(10, 2), nullable=False, comment="Price of one piece when it was ordered"),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_order_products_quantity")),
        sa.CheckConstraint("unit_price >= 0", name=op.f("ck_order_products_unit_price")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_order_products_order_id_orders"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_order_products_product_id_products"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("order_id", "product_id", name=op.f("pk_order_products")),
        comment="Lines of orders",
    )
    op.create_index(op.f("idx_order_products_product_id"), "order_products", ["product_id"])


def downgrade() -> None:
    """Drop what the upgrade created."""
    op.drop_table("order_products")
    op.drop_table("orders")
    op.drop_table("products")
    op.drop_table("profiles")
    op.drop_table("users")
    op.execute("DROP FUNCTION public.set_updated_at()")
    op.execute("DROP TYPE orderstatus")
    op.execute("DROP TYPE userstatus")
    op.execute(
        f"""
        DO $$ BEGIN
            IF EXISTS (
                SELECT FROM pg_catalog.pg_extension
                WHERE extname = 'vector' AND obj_description(oid, 'pg_extension') = '{EXTENSION_MARK}'
            ) THEN
                DROP EXTENSION vector;
            END IF;
        EXCEPTION WHEN dependent_objects_still_exist THEN
            RAISE NOTICE 'the extension vector stays: other objects of this database use it';
        END $$
        """
    )
