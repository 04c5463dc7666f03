"""The pure core: one decider per kind of stream, and the values they speak of."""
