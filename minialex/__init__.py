"""minialex: AlexNet and everything it is trained with, written by hand on NumPy; the same code on a GPU through CuPy."""

__version__ = "0.2.0"
