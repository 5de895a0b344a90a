"""Faces are taken out by an outside program that the operator names; what it gives back is believed in nothing."""
