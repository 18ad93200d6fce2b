"""People who can sign in and order."""
