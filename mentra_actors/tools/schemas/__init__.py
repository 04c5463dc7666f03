"""JSON Schemas: of types, and what is wrong with arguments by them."""
