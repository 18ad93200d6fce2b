"""The composition root: the one place where inbound adapters meet outbound ones, one file a command."""
