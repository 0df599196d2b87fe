"""The paper's rule with new arrays, the last of which is copied into the network's."""


def step(self):
    params, grads = self.network.params, self.network.grads
    for name in params:
        v = (
            self.momentum * self.velocity[name]
            - self.weight_decay * self.lr * params[name]
            - self.lr * grads[name]
        )
        self.velocity[name] = v
        params[name][...] = params[name] + v
