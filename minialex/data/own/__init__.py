"""People's own pictures: in folders, listed in tables, in tar and parquet files."""
