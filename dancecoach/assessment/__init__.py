"""How motion and music agree: eight-count primitives and synchrony."""
