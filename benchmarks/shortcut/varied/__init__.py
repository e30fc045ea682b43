"""Networks, images, artefacts and targets of other kinds, with their true use."""
