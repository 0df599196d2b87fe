"""Adam with new arrays, the last of which is copied into the network's."""

import numpy


def step(self):
    params, grads = self.network.params, self.network.grads
    self.steps = self.steps + 1
    for name in params:
        m = self.beta1 * self.mean[name] + (1 - self.beta1) * grads[name]
        s = self.beta2 * self.square[name] + (1 - self.beta2) * numpy.square(grads[name])
        self.mean[name], self.square[name] = m, s
        root = numpy.sqrt(s / (1 - self.beta2**self.steps))
        step = self.lr * (m / (1 - self.beta1**self.steps)) / (root + self.epsilon)
        params[name][...] = params[name] - step
