"""Recovery correctness: what agent frameworks make of `kill -9`. See README.md."""
