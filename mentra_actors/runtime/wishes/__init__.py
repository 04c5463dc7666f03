"""What any process may ask of the one that writes a store: the wishes of a person, as data."""
