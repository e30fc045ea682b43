"""Let an example of the gallery fail that warns, as tests do."""

import warnings


def make_warnings_errors(gallery_configuration, file_name, when) -> None:
    """Set the filter before an example; Sphinx itself may warn between them."""
    if when == "before":
        warnings.simplefilter("error")
    else:
        warnings.resetwarnings()
