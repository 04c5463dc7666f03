"""What a model is told of a result: as text, within limits, page by page."""
