"""Damaged files for every reader: made at random from small valid ones, the same for a seed.

A module of this package is about one kind of file, and has two functions:

cases(rng)            an endless iterator over damaged files, bytes each
read(content, folder) reads such a file, which it may write into the folder (empty, or with the
                      files of earlier calls). AssertionError for a result of a wrong shape;
                      InputError is as good as a result.
"""
