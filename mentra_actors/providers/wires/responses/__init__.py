"""Parts of the Responses wire; its face is `responses_wire`."""
