"""Deployments: what an upgrade of a database in use will do, and in which steps."""
