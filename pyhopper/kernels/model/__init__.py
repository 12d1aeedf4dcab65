"""The model that screens proposals."""
