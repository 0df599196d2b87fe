"""Adam, in place."""

import numpy


def step(self):
    self.steps += 1
    for name, w in self.network.params.items():
        m, s, g = self.mean[name], self.square[name], self.network.grads[name]
        m *= self.beta1
        m += (1 - self.beta1) * g
        s *= self.beta2
        s += (1 - self.beta2) * g**2
        m_hat = m / (1 - self.beta1**self.steps)
        s_hat = s / (1 - self.beta2**self.steps)
        w -= self.lr * m_hat / (numpy.sqrt(s_hat) + self.epsilon)
