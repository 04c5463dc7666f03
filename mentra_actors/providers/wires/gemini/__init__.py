"""Parts of the Gemini wire; its face is `gemini_wire`."""
