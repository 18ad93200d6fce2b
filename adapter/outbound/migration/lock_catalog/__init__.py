"""The lock catalog: operations, and what measures them."""
