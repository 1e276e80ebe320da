"""A live dance coach: it watches a dancer, hears the music and answers while they dance."""

import os
import sys

__version__ = "0.1.0"

# The workers are the threads; numpy's linear algebra on small arrays only spins and takes a core from them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
if "numpy" in sys.modules and os.environ["OPENBLAS_NUM_THREADS"] == "1":
    # It was loaded before this package and has read the environment already.
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=1, user_api="blas")
