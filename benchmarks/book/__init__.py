"""The benchmark book: results as JSON, the page and the plots that are made of them."""
