"""Helpers of the tests and benchmarks: servers, daemons and media files made on the spot."""
