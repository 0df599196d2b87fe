"""What lesson 02 says: loops, matrix product and layer give the same numbers, of the sizes it states."""


def test_loops_matrix_product_and_layer_agree(run_lesson):
    made, _ = run_lesson("02_convolution")
    assert abs(made["Y"] - made["naive"]).max() < 1e-5
    assert abs(made["fast"] - made["naive"]).max() < 1e-5
    assert (made["fast_columns"] == made["X"]).all()
    assert made["naive"].shape[1] == made["side"]
