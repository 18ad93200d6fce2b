"""Documents, and the passages by which searches find them."""
