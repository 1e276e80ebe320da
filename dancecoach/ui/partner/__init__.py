"""The live partner on the screen: bodies, cameras, and what paints them with OpenGL or without."""
