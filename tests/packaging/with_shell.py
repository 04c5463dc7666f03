"""The extra `shell`: commands are understood before they run."""

from mentra_actors.tools.shell_review.review import review_command

assert review_command("wc -w README.md | sort", writable=True, workspace="/tmp").is_parsed
assert review_command("rm -rf /", writable=True, workspace="/tmp").verdict == "block"
