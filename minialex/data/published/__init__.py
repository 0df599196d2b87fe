"""Published data sets in their own files, and arrays in .npz files."""
