"""Parts of the Anthropic Messages wire; its face is `anthropic_wire`."""
