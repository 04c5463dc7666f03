"""Care of a store: verify, back up, export and import, compact, archive, salvage."""

from mentra_actors.store.care.backup import Backup, backup_store
from mentra_actors.store.care.compact import Compacted, compact_store, restore_archive
from mentra_actors.store.care.doctor import verify_store
from mentra_actors.store.care.export_store import Exported, export_store
from mentra_actors.store.care.exported_lines import ExportScope
from mentra_actors.store.care.import_store import Imported, import_store
from mentra_actors.store.care.report import Finding, OnProgress, Report
from mentra_actors.store.care.salvage import Salvaged, salvage_store

__all__ = [
    "Backup",
    "Compacted",
    "ExportScope",
    "Exported",
    "Finding",
    "Imported",
    "OnProgress",
    "Report",
    "Salvaged",
    "backup_store",
    "compact_store",
    "export_store",
    "import_store",
    "restore_archive",
    "salvage_store",
    "verify_store",
]
