"""Files for models: one engine for all file tools, confined to the roots that a policy names."""
