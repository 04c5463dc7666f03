"""Imported by every Python that a test of the campaign starts: threads are late there as well."""

import os

if os.environ.get("MENTRA_CHANCE") and os.environ.get("PYTEST_CURRENT_TEST"):
    from chance_delays import install

    install()
