"""`backend user`: register, delete and restore users."""

from typing import Annotated

import typer

from adapter.inbound.cli.backend._session import perform

Email = Annotated[str, typer.Argument(help="Email address of the user.")]


app = typer.Typer(name="user", help="Users: register, delete, restore.", no_args_is_help=True)


@app.command()
def register(
    context: typer.Context,
    email: Email,
    name: Annotated[str, typer.Argument(help="Name as the user writes it.")],
    *,
    age: Annotated[int | None, typer.Option(help="Age in years, 18 or more.", show_default=False)] = None,
    locale: Annotated[str, typer.Option(help="Language the user reads, as a tag.")] = "en",
    bio: Annotated[str | None, typer.Option(help="Free text of the profile.", show_default=False)] = None,
) -> None:
    """Register a user with a profile.

    Example: `backend user register ana@example.org "Ana Ruiz" --age 30 --locale es`
    """
    from domain.users.user import Profile

    profile = Profile(bio=bio, locale=locale)
    user = perform(context, lambda backend: backend.register_user(email, name, age, profile))
    typer.echo(f"{user.email} is registered, id {user.id}.")


@app.command()
def delete(context: typer.Context, email: Email) -> None:
    """Delete a user softly: their orders stay, and they can be restored.

    Example: `backend user delete ana@example.org`
    """
    user = perform(context, lambda backend: backend.delete_user(email))
    typer.echo(f"{user.email} is deleted.")


@app.command()
def restore(context: typer.Context, email: Email) -> None:
    """Restore a deleted user.

    Example: `backend user restore ana@example.org`
    """
    user = perform(context, lambda backend: backend.restore_user(email))
    typer.echo(f"{user.email} is restored.")
