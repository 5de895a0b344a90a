"""A corpus of our own, made by code and the same in every run: good objects of every kind, and bad ones of every kind."""
