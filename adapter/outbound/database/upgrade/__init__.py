"""What `env.py` runs with: options, session settings, the lock that lets one upgrade run at a time, and retries."""
