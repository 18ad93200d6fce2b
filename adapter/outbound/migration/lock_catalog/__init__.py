"""The lock catalog: its operations, and the code that measures them."""
