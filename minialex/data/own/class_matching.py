"""Which of a network's classes the names in a data set mean."""

from collections.abc import Mapping, Sequence

from minialex.data import imagenet_classes
from minialex.data.own.found import is_number
from minialex.data.own.wordnet import wordnet_id
from minialex.errors import InputError


def class_numbers(
    names: Sequence[str], class_names: Sequence[str], shown: Mapping[str, str], where: str
) -> dict[str, int]:
    """{name: the number of the class that it means} for a network with these classes.

    names: those in the data set, in alphabetical order. shown: see Found. where: for errors.

    A name means the class that is called the same or shown so. For ImageNet's 1,000 classes it
    starts with the WordNet id instead, as in n01440764 or n01440764_tench. Names that are numbers
    mean the classes with these numbers if 0 is among them. If the network's classes have no names
    but numbers ("class 0"), and the data set has as many, the n-th name means the n-th class.
    InputError if a name means no class.
    """
    numbers = {name: number for number, name in enumerate(class_names)}
    if is_imagenet(class_names):
        ids = [each for each, _ in imagenet_classes.read()]
    else:
        ids = map(wordnet_id, class_names)
    by_id = {each: number for number, each in enumerate(ids) if each}
    found = {
        name: numbers.get(name, numbers.get(shown.get(name), by_id.get(wordnet_id(name))))
        for name in names
    }
    if None not in found.values():
        return found
    if all(map(is_number, names)):
        return _by_number(names, class_names, where)
    nameless = list(class_names) == [f"class {number}" for number in range(len(class_names))]
    if nameless and len(names) == len(class_names):
        return {name: number for number, name in enumerate(names)}
    unknown = next(name for name in names if found[name] is None)
    example = next(iter(by_id or numbers))
    raise InputError(
        f"{where} has a class {unknown!r}, which is none of the network's: expected names such as "
        f"{example!r}"
    )


def is_imagenet(class_names: Sequence[str]) -> bool:
    """Whether these are ImageNet's 1,000 classes in the order of their WordNet ids.

    Lists differ in how they spell some, and in whether they add synonyms: "tench, Tinca tinca".
    """
    names = imagenet_classes.names()
    if len(class_names) != len(names):
        return False
    first = [name.partition(",")[0].lower() for name in class_names]
    return sum(map(str.__eq__, first, map(str.lower, names))) > len(names) / 2


def _by_number(names, class_names, where):
    """The classes with these numbers. "10" sorts before "2": the alphabet's order is no help."""
    values = {name: int(name) for name in names}
    if all(map(is_number, class_names)):
        numbers = {int(name): number for number, name in enumerate(class_names)}
    elif 0 in values.values():
        numbers = {number: number for number in range(len(class_names))}
    else:
        raise InputError(
            f"{where} has classes named by numbers from {min(values.values())} on, which do not "
            "say which of the network's they are: expected numbers from 0 on, or names such as "
            f"{class_names[0]!r}"
        )
    unknown = next((name for name in names if values[name] not in numbers), None)
    if unknown is not None:
        raise InputError(
            f"{where} has a class {unknown}, expected numbers from {min(numbers)} to {max(numbers)}"
        )
    return {name: numbers[value] for name, value in values.items()}
