"""Lesson 02's claims: loops, matrix product and layer give the same numbers and sizes."""

from lesson_runs import both_sizes


@both_sizes
def test_loops_matrix_product_and_layer_agree(run_lesson, quick):
    made, printed = run_lesson("02", quick)
    assert "def im2col(" in printed, "the shipped code"
    assert abs(made["Y"] - made["naive"]).max() < 1e-5
    assert abs(made["fast"] - made["naive"]).max() < 1e-5
    assert (made["fast_columns"] == made["X"]).all()
    assert made["naive"].shape[1] == made["side"]
