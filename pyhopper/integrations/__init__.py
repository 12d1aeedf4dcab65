"""Bridges to other tools, each a module that needs the tool's package."""
