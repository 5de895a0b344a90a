"""Longer texts are kept as they are read; this turns them into paragraphs."""


def paragraphs(text: str) -> tuple[str, ...]:
    """Return the paragraphs of a text, which stand apart by an empty line, each on one line."""
    return tuple(" ".join(part.split()) for part in text.split("\n\n") if part.strip())
