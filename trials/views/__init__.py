"""One module a screen or a family of screens."""
