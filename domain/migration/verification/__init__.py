"""The proofs of a revision: round trip, repetition, compatibility, and the certificates that record them."""
