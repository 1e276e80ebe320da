"""Benchmarks behind `dancecoach bench`."""
