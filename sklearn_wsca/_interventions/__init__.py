"""Interventions: how far do outputs move when the same unit comes under other levels?

Who was seen under what (`design`), moves of single units and of class means, null.
"""
