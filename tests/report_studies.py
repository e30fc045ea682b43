"""Analyses of made-up data for tests of reports."""

from sklearn_wsca import WeightSpaceCorrelation

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "new\nline",
    "turned\u202earound",
    "{{7*7}}",
    "{% include 'x' %}",
    "javascript:alert(1)",
    "a & b &amp; c",
    "' onclick='alert(1)",
    "$x_{1}$",
    "病院 Zürich القاهرة",
    "-->",
    "__proto__",
]


def analyse(data, **parameters):
    settings = {"n_permutations": 99, "random_state": 0, "target_head": data.head}
    settings |= parameters
    return WeightSpaceCorrelation("target", **settings).fit(data.data, data.metadata)


def add_constant(metadata):
    return metadata.assign(constant=1)
