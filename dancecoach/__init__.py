"""A live dance coach: it watches a dancer, hears the music and answers while they dance."""

import os

__version__ = "0.1.0"

# The workers are the threads; numpy's linear algebra on small arrays only spins and takes a core from them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
