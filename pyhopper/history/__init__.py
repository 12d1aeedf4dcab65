"""What a search knows: evaluations, the state that follows from them, and how a user reads it."""
