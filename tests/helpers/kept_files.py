"""Caches that somebody has changed, with a checksum that is right again."""

import json

from minialex.data import cache


def changed(change):
    """A function of the bytes of a cache that applies `change` to its {"about", "content"}."""

    def rewritten(content):
        kept = json.loads(content.partition(b"\n")[2])
        change(kept)
        text = json.dumps(kept).encode()
        return cache.digest(text) + b"\n" + text

    return rewritten
