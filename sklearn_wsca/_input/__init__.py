"""From what users pass to typed columns, embeddings in row blocks, roles and groups.

Every check of an argument ends in one error that names it.
"""
