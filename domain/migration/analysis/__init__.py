"""What a revision does, judged: impact, estimates, rules, strategy."""
