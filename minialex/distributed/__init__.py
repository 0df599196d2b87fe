"""Training on many processes: on one machine or on several, started by MPI's mpirun."""
