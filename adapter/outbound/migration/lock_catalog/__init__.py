"""The lock catalogue: operations, and what measures them."""
