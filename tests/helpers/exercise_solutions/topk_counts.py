"""The top-k error by counting how many logits are larger than the label's."""


def error(self, logits, labels, k):
    wrong = 0
    for n in range(len(logits)):
        larger = (logits[n] > logits[n, labels[n]]).sum()
        if larger >= k:
            wrong += 1
    return wrong / len(logits)
