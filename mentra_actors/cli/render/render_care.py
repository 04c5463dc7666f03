"""What people read of a store's care: reports, sizes, what to do."""

from collections.abc import Iterator

import msgspec
from rich.filesize import decimal
from rich.text import Text

from mentra_actors.cli.program import program
from mentra_actors.store.care import Finding, Report
from projections.views.sentence_words import counted

__all__ = ["advice_lines", "finding_line", "report_document", "report_lines", "sizes"]

_SEVERITIES = {"damage": "bold red", "warning": "yellow"}


def report_lines(report: Report) -> Iterator[Text]:
    """The verdict, and what there is in the store."""
    if report.is_sound:
        yield Text.assemble((f"{report.path} is sound.", "bold green"))
    else:
        yield Text.assemble((f"{report.path} is damaged.", "bold red"))
        yield _verdict(report)
    yield Text(
        f"  {counted(report.events, 'event')} in {counted(report.records, 'append')}, "
        f"{counted(report.streams, 'stream')}, through position {report.last_position}"
    )
    if report.archived_events:
        yield Text(f"  {report.archived_events:,} of these events are in archives")
    if report.sealed_events:
        yield Text(f"  {report.sealed_events:,} of these events are sealed and were not opened")
    yield Text(
        f"  {counted(report.snapshots, 'snapshot')}, {counted(report.blobs, 'blob')}, "
        f"{counted(report.open_marks, 'open stream')}, {counted(report.fences, 'fence')}, "
        f"{counted(report.remembered_requests, 'remembered request')}"
    )
    if report.ticks:
        yield Text(f"  {counted(report.ticks, 'tick')} of answers that were being streamed")
    yield Text(f"  {sizes(report)}; looked at in {report.duration_s:.1f} s")
    if report.fingerprint_position:
        yield Text(
            f"  fingerprint {report.fingerprint} through position {report.fingerprint_position}",
            style="dim",
        )
    for finding in report.findings:
        yield finding_line(finding)


def finding_line(finding: Finding) -> Text:
    """One thing that is wrong, or worth to know."""
    place = f" at position {finding.position}" if finding.position else ""
    line = Text.assemble((f"{finding.severity}: ", _SEVERITIES[finding.severity]))
    return line.append(f"{finding.where}{place}: {finding.what}")


def advice_lines(report: Report) -> Iterator[Text]:
    """What to do about a damaged store."""
    path, good = report.path, report.last_good_position
    salvage, export = f"doctor {path} --salvage NEW", f"export {path} FILE --through {good}"
    what = "the whole log, and the rest as far as it is sound"
    if report.first_bad_position is not None:
        what = f"the log through position {good}, or further if more of it is found"
    yield Text("Restore a backup: it is a store, so put it where this one is.")
    yield Text("Without one, save what is left as a new store, or as a file:")
    yield Text(f"  {program()} {salvage:{len(export)}}  {what}")
    if good:
        yield Text(f"  {program()} {export:{len(salvage)}}  the log through position {good}")


def report_document(report: Report) -> dict[str, object]:
    """A report for programs."""
    return {"sound": report.is_sound, **msgspec.to_builtins(report)}


def sizes(report: Report) -> str:
    """How large the data file is, and how much of it is free."""
    free = f", of which {decimal(report.free_bytes)} are free" if report.free_bytes else ""
    return f"{decimal(report.size_bytes)}{free}"


def _verdict(report: Report) -> Text:
    if report.first_bad_position is None:
        return Text("  Its log is good to the end; damage lies around it.")
    if not report.last_good_position:
        return Text("  Nothing of its log is good from the beginning on.")
    return Text(
        f"  The last good position is {report.last_good_position}, "
        f"the first bad one {report.first_bad_position}.",
        style="bold",
    )
