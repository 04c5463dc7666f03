"""Plots of a team as SVG, PNG or PDF files: lanes, usage, task board."""
