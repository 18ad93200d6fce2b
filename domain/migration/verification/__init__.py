"""What a revision was proved to be: round trips, repetition, certificates."""
