"""Tables of what the model says of clusters that nobody has measured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from benchmarks.scaling import stated_links
from benchmarks.scaling.compute import Compute
from benchmarks.scaling.link import link
from benchmarks.scaling.measured_tables import grouped, rate
from benchmarks.scaling.model import Link
from benchmarks.scaling.predictions import Predictions, allowed, tree_pays_below
from benchmarks.table import Table
from minialex.distributed.scheme import SCHEMES

#: The columns of the tables.
RANKS = (2, 4, 16, 64, 256, 1024)

#: Pictures in a step, of all ranks together, or of each.
BATCH, EACH = 1024, 128

#: A net of so many classes is ImageNet's.
CLASSES = 1000


@dataclass(frozen=True)
class Cluster:
    """kind: "cpu" or "gpu"; most: how many ranks a link connects, where that is not all."""

    kind: str
    predictions: Predictions
    links: Mapping[str, Link]
    most: Mapping[str, int] = field(default_factory=dict)

    def rows(self) -> Iterator[tuple[str, str, Link, int]]:
        """Scheme, name of the link, the link, and how many ranks it connects."""
        for scheme in SCHEMES:
            for name, each in self.links.items():
                yield scheme, name, each, self.most.get(name, max(RANKS))


def clusters(results: dict) -> list[Cluster]:
    """Of the last of the nets that were measured: cores of this machine, and GPUs if they have been
    counted."""
    model, found = list(results["compute"].items())[-1]
    measured = link(results["link"])
    here = {"shared memory": measured, **stated_links.ethernet(measured)}
    found = [Cluster("cpu", Predictions(model, Compute.of(found)), here, {"shared memory": 64})]
    if results["gpu"]:
        predictions = Predictions(model, Compute.of(results["gpu"][model]))
        most = {name: wire.most for name, wire in stated_links.GPU_LINKS.items()}
        found.append(Cluster("gpu", predictions, stated_links.gpu_links(), most))
    return found


def tables(results: dict) -> Iterator[Table]:
    """All of them."""
    found = clusters(results)
    yield from traffic(found[0].predictions)
    yield trees(found[0])
    for cluster in found:
        yield strong(cluster)
        yield weak(cluster)
        yield limits(cluster)
    network = found[0].predictions.network("data")
    if list(network.shapes().values())[-1] == (CLASSES,):
        yield hours(found)


def traffic(predictions: Predictions) -> Iterator[Table]:
    """What each rank sends in a step, in megabytes and in messages."""
    head = ["scheme", *map(grouped, RANKS)]
    sent: dict[str, list[list[str]]] = {"bytes": [], "messages": []}
    for scheme in SCHEMES:
        every = [predictions.traffic(scheme, ranks).sendings(BATCH) for ranks in RANKS]
        megabytes = [sum(each.sent for each in sendings) / 1e6 for sendings in every]
        messages = [sum(each.messages for each in sendings) for sendings in every]
        sent["bytes"].append([scheme, *map(rate, megabytes)])
        sent["messages"].append([scheme, *map(grouped, messages)])
    about = (
        f"that each rank sends in a step of {predictions.model} with {BATCH:,} pictures, by ranks"
    )
    yield Table("bytes", f"Megabytes {about}", head, sent["bytes"])
    yield Table("messages", f"Messages {about}", head, sent["messages"])


def trees(cluster: Cluster) -> Table:
    """Up to how many bytes a tree would be faster than the ring."""
    counts = [ranks for ranks in RANKS if ranks > 2]
    rows = [
        [name, *(rate(tree_pays_below(ranks, each) / 1e6) for ranks in counts)]
        for name, each in cluster.links.items()
    ]
    title = "Megabytes below which a sum by a tree would be faster than by the ring, by ranks"
    return Table("trees", title, ["link", *map(grouped, counts)], rows)


def strong(cluster: Cluster) -> Table:
    """Speed-up on one batch."""
    title = f"{what(cluster)}, {BATCH:,} pictures in a step: times as fast as one rank, by ranks"
    predict = cluster.predictions.speedup
    return by_ranks(cluster, "strong", title, lambda *how: rate(predict(*how)), lambda ranks: BATCH)


def weak(cluster: Cluster) -> Table:
    """Efficiency if the batch grows with the ranks."""
    title = f"{what(cluster)}, {EACH} pictures a rank: share of the work not lost, by ranks"
    predict = cluster.predictions.efficiency
    share = lambda ranks: EACH * ranks  # noqa: E731
    return by_ranks(cluster, "weak", title, lambda *how: f"{predict(*how):.0%}", share)


def by_ranks(cluster: Cluster, name: str, title: str, cell, batch_size) -> Table:
    """A row for each scheme and link, a column for each number of ranks."""
    rows = []
    for scheme, wire, each, most in cluster.rows():
        cells = [
            cell(scheme, ranks, batch_size(ranks), each) if ranks <= most else "–"
            for ranks in RANKS
        ]
        rows.append([scheme, wire, *cells])
    head = ["scheme", "link", *map(grouped, RANKS)]
    return Table(f"{cluster.kind}-{name}", title, head, rows, words=2)


def limits(cluster: Cluster) -> Table:
    """Where each scheme stops paying."""
    predictions, rows = cluster.predictions, []
    counts = [ranks for ranks in RANKS if ranks > 2][:4]
    for scheme, wire, each, most in cluster.rows():
        efficient = predictions.efficient(scheme, BATCH, each, most)
        shares = [
            predictions.least_share(scheme, ranks, each) if ranks <= most else None
            for ranks in counts
        ]
        cells = [predictions.fastest(scheme, BATCH, each, most), efficient, *shares]
        rows.append([scheme, wire, *("–" if cell is None else grouped(cell) for cell in cells)])
    title = (
        f"{what(cluster)}: with how many ranks {BATCH:,} pictures take least; up to how many 80% "
        f"of the work is not lost; and how many pictures each of {', '.join(map(str, counts))} "
        "ranks needs for that"
    )
    head = ["scheme", "link", "fastest", "80% to", *map(grouped, counts)]
    return Table(f"{cluster.kind}-limits", title, head, rows, words=2)


def hours(found: list[Cluster]) -> Table:
    """90 epochs of ImageNet, by the best scheme."""
    rows = []
    for cluster in found:
        for name, each in cluster.links.items():
            cells = []
            for ranks in (1, *RANKS):
                can = [scheme for scheme in SCHEMES if ranks in allowed(scheme, max(RANKS))]
                taken = {s: cluster.predictions.hours(s, ranks, BATCH, each) for s in can}
                best = min(taken, key=taken.__getitem__)
                fits = ranks <= cluster.most.get(name, max(RANKS))
                mark = best[0] if ranks > 1 else ""
                cells.append(f"{rate(taken[best])}{mark}" if fits else "–")
            rows.append([cluster.kind.upper(), name, *cells])
    title = (
        f"Hours for ImageNet's 90 epochs, {BATCH:,} pictures in a step, by ranks, with the first "
        "letter of the best scheme"
    )
    return Table("hours", title, ["", "link", *map(grouped, (1, *RANKS))], rows, words=2)


def what(cluster: Cluster) -> str:
    """The net and what it runs on."""
    kinds = {"cpu": "cores like this machine's", "gpu": "GPUs, computing as predicted"}
    return f"{cluster.predictions.model} on {kinds[cluster.kind]}"
