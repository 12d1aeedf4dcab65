"""What a search prints: its progress while it runs, and a summary at the end."""
