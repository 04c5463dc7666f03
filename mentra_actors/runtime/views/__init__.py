"""What is shown of the log while it grows: kept views, feeds, watchers, observers."""
