"""Grades lessons/exercises/, and checks layers of your own and minialex's.

The command is python -m minialex.gradcheck [FILE|FOLDER].
"""

from minialex.grader.folder import grade_folder
from minialex.grader.grading import grade
from minialex.grader.shipped import check_shipped

__all__ = ["check_shipped", "grade", "grade_folder"]
