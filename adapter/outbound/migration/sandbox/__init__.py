"""Servers on which databases are made and dropped, and who may do what on them."""
