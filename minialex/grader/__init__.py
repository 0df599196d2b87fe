"""Grades lessons/exercises/, and checks anyone's own layer: python -m minialex.gradcheck FILE."""

from minialex.grader.grading import grade

__all__ = ["grade"]
