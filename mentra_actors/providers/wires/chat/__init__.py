"""Parts of the Chat Completions wire; its face is `chat_wire`."""
