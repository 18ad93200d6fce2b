"""Commands to try after `migrate up`, each with its purpose."""

TRY_NEXT = {
    "backend demo": "load 16,000 texts and a year of a shop",
    'backend search "pintores del renacimiento"': "search them by meaning",
    'alembic revision --autogenerate -m "add a column"': "after changing a model",
    "migrate db psql": "look around",
}
