"""Import of optional dependencies: the module, or the command that installs it."""

import pytest

from sklearn_wsca._backend.extras import import_extra


def test_a_module_that_is_installed_is_returned():
    assert import_extra("json.decoder", "io").JSONDecoder


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("nothing.like.it", "io"),
            "This file is read with nothing, which is not installed: "
            'pip install ".[io]"',
        ),
        (("nothing", "cli", "It helps"), 'It helps: pip install ".[cli]"'),
    ],
)
def test_a_module_that_is_missing_is_named_with_the_command(arguments, message):
    with pytest.raises(ImportError) as caught:
        import_extra(*arguments)
    assert str(caught.value) == message
