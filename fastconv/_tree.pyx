# cython: freethreading_compatible=True
"""Walks through nested lists, tuples and dicts, which each step and each call of a layer makes several times."""

cdef enum:
    MOST_LEVELS = 1000    # a list that contains itself has more


def leaves(tree) -> list:
    """Return the leaves of `tree` in order: all items that are not a list, a tuple, a dict or None."""
    cdef list found = []
    collect(tree, found, 0)
    return found


cdef int check_level(int level) except -1:
    if level > MOST_LEVELS:
        raise RecursionError(f"lists, tuples and dicts may be nested in {MOST_LEVELS} levels. Received: more")
    return 0


cdef int collect(tree, list found, int level) except -1:
    """Append the leaves of `tree` to `found`."""
    if tree is None:
        return 0
    if isinstance(tree, (list, tuple)):
        check_level(level)
        for item in tree:
            collect(item, found, level + 1)
    elif isinstance(tree, dict):
        check_level(level)
        for item in tree.values():
            collect(item, found, level + 1)
    else:
        found.append(tree)
    return 0


def rebuild(tree, values):
    """Return `tree` with its leaves replaced, in order, by `values`."""
    return filled(tree, iter(values), 0)


cdef filled(node, values, int level):
    """Return `node` with its leaves replaced by the next values."""
    if node is None:
        return None
    if isinstance(node, dict):
        check_level(level)
        return {key: filled(item, values, level + 1) for key, item in node.items()}
    if isinstance(node, (list, tuple)):
        check_level(level)
        return sequence(node, [filled(item, values, level + 1) for item in node])
    return next(values)


def sequence(like, items):
    """Return the list `items` as a list, tuple or named tuple, of the type of `like`."""
    if type(like) is tuple:
        return tuple(items)
    return like._make(items) if hasattr(like, "_make") else type(like)(items)


def signature(tree):
    """Return a key of the structure of `tree`, a tree of arrays, with the shape and dtype of each leaf.

    Keys are equal for trees of equal kinds, lengths, ordered keys and Nones.
    """
    if tree is None:
        return None
    if isinstance(tree, (list, tuple)):
        return (type(tree), *[signature(item) for item in tree])
    if isinstance(tree, dict):
        return (dict, *tree, *[signature(item) for item in tree.values()])
    return tree.shape, tree.dtype.char
