"""One pure module per wire: from a request to JSON, and from events to an answer."""
