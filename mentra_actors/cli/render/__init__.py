"""What people read: text and tables, apart from commands."""
