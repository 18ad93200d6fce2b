"""The journal of deployments: in the database that they change, and in a file beside the project."""
