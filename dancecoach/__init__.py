"""A live dance coach: it watches a dancer, hears the music and answers while they dance."""

__version__ = "0.1.0"
