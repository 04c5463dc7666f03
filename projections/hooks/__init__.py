"""The log as events of hooks, for observers and audits."""
