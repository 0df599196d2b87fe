"""The paper's rule, in place."""


def step(self):
    for name, w in self.network.params.items():
        v, g = self.velocity[name], self.network.grads[name]
        v *= self.momentum
        v -= self.weight_decay * self.lr * w + self.lr * g
        w += v
