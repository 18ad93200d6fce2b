"""The composition root: the only place that connects inbound and outbound adapters, with a file for each command."""
