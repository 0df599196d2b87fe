"""The first hour with an NVIDIA GPU: `python -m benchmarks.gpu` does everything, in minutes.

`__main__` runs the stages, one after the other, and writes each result at once. `checks` has those
that ask whether minialex is right on the card, `measurements` those that ask how fast it is,
`profile` those that ask where the time goes, and `report` the tables and the chart.
"""
