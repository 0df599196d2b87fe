"""Grades lessons/exercises/ and checks layers, anyone's and minialex's own: python -m minialex.gradcheck [FILE]."""

from minialex.grader.grading import grade
from minialex.grader.shipped import check_shipped

__all__ = ["check_shipped", "grade"]
