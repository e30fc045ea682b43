"""What native libraries read from files, each in a process of its own.

A damaged file may crash such a library, or never let it go: that ends the process and
not the program of the user. Modules here import little, for every file pays for it.
"""
