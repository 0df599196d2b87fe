"""What the fast copy does differently on a GPU: kernels, cuBLAS, recorded steps, and Muon with
these."""
