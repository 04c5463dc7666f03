"""An audit as a file whose lines name each other."""
