"""The optional vault of identities, on a database of its own: never beside images."""
