"""Which system calls a sandboxed command may not make: a filter for the kernel (seccomp-BPF)."""

import platform
import struct

__all__ = ["system_call_filter"]

_LOAD, _IF_EQUAL, _IF_AT_LEAST, _ANSWER = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE_EPERM, _KILL = 0x7FFF0000, 0x00050001, 0x80000000
_NUMBER_AT, _MACHINE_AT = 0, 4
_FOREIGN_NUMBERS = 0x40000000
"""From here on an x86-64 kernel takes the numbers of another interface (x32)."""

_MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_REFUSED = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "swapon": (167, 224),
    "reboot": (169, 142),
    "syslog": (103, 116),
    "acct": (163, 89),
    "quotactl": (179, 60),
}
"""Numbers on x86-64 and on aarch64. What traces, mounts, enters namespaces, keeps keys of the
kernel, or has let sandboxes be broken before."""


def system_call_filter() -> bytes:
    """The filter for this machine; empty if it is of a kind that has none here."""
    machine = platform.machine()
    if machine not in _MACHINES:
        return b""
    column = list(_MACHINES).index(machine)
    numbers = sorted(pair[column] for pair in _REFUSED.values())
    tests = [(_IF_AT_LEAST, _FOREIGN_NUMBERS), *((_IF_EQUAL, number) for number in numbers)]
    program = [
        _step(_LOAD, _MACHINE_AT),
        _step(_IF_EQUAL, _MACHINES[machine], if_true=1),
        _step(_ANSWER, _KILL),
        _step(_LOAD, _NUMBER_AT),
    ]
    for index, (test, value) in enumerate(tests):
        program.append(_step(test, value, if_true=len(tests) - index))
    return b"".join([*program, _step(_ANSWER, _ALLOW), _step(_ANSWER, _REFUSE_EPERM)])


def _step(code: int, value: int, *, if_true: int = 0) -> bytes:
    """One instruction; `if_true` says how many are left out if its test holds."""
    return struct.pack("=HBBI", code, if_true, 0, value)
