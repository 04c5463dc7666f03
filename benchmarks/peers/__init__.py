"""Peers: where they are installed, and the programs that run in their environments.

A program here runs with the interpreter of its peer, so it imports that peer, the standard
library and its neighbours in this folder, nothing else of the project.
"""
