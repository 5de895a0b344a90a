"""Text burned into pixels: found, blanked, and told of. Only here does the engine need numpy."""
