"""What a user sees while a search runs and at its end."""
