"""How many threads NumPy's BLAS has at the moment."""

from threadpoolctl import threadpool_info


def blas_threads() -> int:
    """NumPy's own: other libraries in the process, SciPy say, bring a BLAS of theirs."""
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    numpys = [pool for pool in pools if "numpy" in pool["filepath"]]
    return max(pool["num_threads"] for pool in numpys or pools)
