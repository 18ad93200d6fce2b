"""The analysis of a revision: impact, estimates, rules, strategy."""
