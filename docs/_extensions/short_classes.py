"""Pages of classes show their properties only: every method has a page of its own."""


def skip_other_members(app, what, name, member, skip, options) -> bool | None:
    """Leave out what is no property; None leaves the decision to others."""
    if what == "class" and not isinstance(member, property):
        return True
    return None


def setup(app):
    """Ask before a member is shown."""
    app.setup_extension("sphinx.ext.autodoc")  # has the event
    app.connect("autodoc-skip-member", skip_other_members)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
