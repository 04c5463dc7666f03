"""Who may write a store: the lease, its passing on, and the wishes of other processes."""
