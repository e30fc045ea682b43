"""What a fit asks of an accelerator, counted on the CPU, step by step."""

import warnings
from collections import Counter
from contextlib import ExitStack
from unittest.mock import patch

from benchmarks.one_fit import TARGET, make_decision
from benchmarks.studies import make_embeddings, make_head, make_table
from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._backend.progress import watch_progress

# Every one of these waits until the device has done all that it was asked before.
READS = ("numpy", "item", "__bool__", "__float__", "__int__", "tolist")


def traffic(quick):
    """Operations of torch, and copies and values that are waited for, of a fit.

    Columns with 44 levels, a trained head with four classes, 99 permutations.
    """
    operations, copies = count_traffic(*((300, 32) if quick else (3000, 512)))
    for step in operations:
        print(
            f"traffic, {step}: {operations[step]} operations, {copies[step]} copies "
            "and values that are waited for"
        )
    print(f"traffic, all: {operations.total()} operations, {copies.total()} copies")


def count_traffic(n, d):
    """Operations and copies by step of a fit of tensors with n rows of d features."""
    import array_api_compat.torch as namespace
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    counts, step = {"operations": Counter(), "copies": Counter()}, "before all steps"

    class Operations(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            counts["operations"][step] += 1
            return function(*args, **(kwargs or {}))

    def counting(function):
        def counted(*args, **kwargs):
            counts["copies"][step] += 1
            return function(*args, **kwargs)

        return counted

    def watch(name, *_):
        nonlocal step
        step = name

    X = make_embeddings(n, d)
    table = make_table(X)
    head, table[TARGET] = make_decision(X, make_head(d))
    with ExitStack() as stack:
        for name in READS:
            own = counting(getattr(torch.Tensor, name))
            stack.enter_context(patch.object(torch.Tensor, name, own))
        own = counting(namespace.asarray)
        stack.enter_context(patch.object(namespace, "asarray", own))
        stack.enter_context(watch_progress(watch))
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", message="n_permutations")
        settings = {"target_head": head, "n_permutations": 99, "random_state": 0}
        analysis = WeightSpaceCorrelation(TARGET, **settings)
        with Operations():
            analysis.fit(torch.from_numpy(X), table)
    return counts["operations"], counts["copies"]
