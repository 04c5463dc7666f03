"""The programs that are known by name, each with its rule."""

import re

from mentra_actors.tools.shell_review.git_rules import Git
from mentra_actors.tools.shell_review.name_lists import names_of
from mentra_actors.tools.shell_review.programs import (
    Awk,
    Cd,
    Dd,
    Find,
    Kill,
    NamesVariables,
    Sed,
    Tar,
    Trap,
)
from mentra_actors.tools.shell_review.reach import WRITE, WRITE_ALL
from mentra_actors.tools.shell_review.rules import (
    Changes,
    Destroys,
    Is,
    Lists,
    Reads,
    Rule,
    Subcommands,
)
from mentra_actors.tools.shell_review.verdict import Intent
from mentra_actors.tools.shell_review.wrapping import (
    Alias,
    Code,
    Evaluates,
    Interprets,
    Mirrors,
    Shell,
    Sources,
    Wraps,
    Xargs,
)

__all__ = ["SAYS_ITS_VERSION", "program_name", "rule_of"]


def _each(names: str, rule: Rule) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


_READERS: dict[str, Rule] = {
    **_each(
        """
        cat ls dir vdir pwd echo true false : head tail wc nl tac rev cut paste join comm fold fmt
        expand unexpand tr basename dirname realpath readlink stat seq sleep whoami id groups
        uname nproc tty uptime free df du lsblk lscpu lsmod ps pgrep pidof printenv
        locale md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum cksum sum
        od hexdump strings diff cmp grep egrep fgrep zgrep zegrep zfgrep zcat bzcat xzcat
        jq which type whereis expr factor numfmt getconf tsort look readelf
        cal ncal times umask ulimit vmstat who w users last column colrm
        b3sum pathchk logname hostid namei shellcheck break continue shift exit return pr netstat
        zipinfo dirs
        """,
        Reads(),
    ),
    **_each("test [", Reads("vR", otherwise="unknown")),
    **_each("base64 base32", Reads("o", ("output",))),
    **_each("printf wait", Reads("vp")),
    "diff3": Reads("", ("diff-program",), otherwise="unknown"),
    "jobs": Reads("x", otherwise="unknown"),
    "lsof": Reads("D"),
    **_each("nm size", Reads("", ("plugin",), otherwise="unknown")),
    "arch": Reads(most_operands=0, otherwise="unknown"),
    "zstdcat": Lists("dcfqv0123456789", ("decompress", "stdout", "quiet", "verbose"), None),
    "sort": Reads("oT", ("output", "compress-program", "temporary-directory")),
    "shuf": Reads("o", ("output",)),
    "uniq": Reads(most_operands=1),
    "xxd": Reads("r", ("revert",), most_operands=1),
    "rg": Reads("z", ("pre", "pre-glob", "hostname-bin", "search-zip"), otherwise="unknown"),
    "ag": Reads("", ("pager",), otherwise="unknown"),
    "tree": Reads("oR", ("output",)),
    "bat": Lists("npA", ("number", "plain", "paging", "style", "color"), None, "unknown"),
    "yq": Reads("is", ("inplace", "split-exp", "in-place")),
    "date": Lists(
        "uRI", ("utc", "iso-8601", "rfc-3339", "rfc-email", "universal"), 1, "system", r"\+.*"
    ),
    "hostname": Lists("fsdiIA", ("fqdn", "short"), 0, "system"),
    "file": Lists("bLihkz", ("brief", "mime", "mime-type", "mime-encoding"), None),
    "less": Lists("NSRFXErniI", ("LINE-NUMBERS", "RAW-CONTROL-CHARS"), None, "unknown", r"[^+].*"),
    "more": Lists("dlfpcsu", (), None, "unknown", r"[^+].*"),
    "man": Lists("kf", ("apropos", "whatis"), None, "unknown", r"[\w.:-]+"),
    "objdump": Reads("", ("debuginfod", "plugin"), otherwise="unknown"),
    "dmesg": Lists("THktxrlfL", ("human", "kernel", "ctime", "level", "color"), 1, "system"),
    "bc": Lists("lqs", ("mathlib", "quiet", "standard"), 1, "unknown"),
    "set": Lists("euxvfo", (), 1, "unknown", r"pipefail|errexit|nounset|noglob|\+[euxvf]+"),
    "gzip": Subcommands(
        _each("-l -t --list --test", Lists("ltvq", ("list", "test", "verbose", "quiet"), None)),
        Is("write"),
    ),
    "fd": Reads("xX", ("exec", "exec-batch"), otherwise="unknown"),
    "fdfind": Reads("xX", ("exec", "exec-batch"), otherwise="unknown"),
    "ss": Reads("KD", ("kill", "diag"), otherwise="system"),
    "tput": Lists("", (), 2, "unknown"),
    "unzip": Subcommands(_each("-l -v -t -Z1", Lists("lvtZ1", (), None)), Is("write")),
    "7z": Subcommands({"l": Reads("", ()), "t": Reads("", ())}, Is("write")),
    "awk": Awk(),
    "gawk": Awk(),
    "mawk": Awk(),
    "nawk": Awk(),
    "sed": Sed(),
    "gsed": Sed(),
    "find": Find(),
    "tar": Tar(),
    "bsdtar": Is("write"),
    "cd": Cd(),
    "pushd": Cd(),
    "chdir": Cd(),
    "popd": Cd(),
    "read": NamesVariables("rs", "ptnNdu"),
    **_each("export readonly", NamesVariables()),
    **_each("declare local typeset", NamesVariables("aAgr")),
    "unset": NamesVariables("vf"),
    "git": Git(),
}

_CHANGERS: dict[str, Rule] = {
    **_each(
        "cp mv mkdir touch ln install tee mkfifo mknod truncate split csplit patch rename",
        Changes(),
    ),
    **_each(
        "zip gunzip bzip2 bunzip2 xz unxz zstd cpio ar pax uuencode uudecode ed ex", Changes()
    ),
    **_each("mktemp rmdir setfacl chattr touch sponge dos2unix unix2dos iconv", Changes()),
    **_each("chmod chown chgrp", Changes("write", "R", ("recursive",), WRITE, WRITE_ALL)),
    **_each("rm unlink srm", Destroys()),
    "shred": Destroys(always_all=True),
    "dd": Dd(),
    **_each(
        "mkfs mke2fs mkswap wipefs fdisk sfdisk cfdisk gdisk sgdisk parted blkdiscard hdparm "
        "badblocks cryptsetup pvcreate vgremove lvremove zpool newfs diskutil",
        Is("destructive", "block", "destroys what is on a disk"),
    ),
    **_each("vi vim nvim view nano emacs pico", Is("unknown")),
}

_NETWORK = """
    curl wget nc ncat netcat socat telnet ssh scp sftp rsync ftp lftp tftp ping ping6 traceroute
    tracepath mtr dig nslookup host whois http https httpie xh aria2c axel gh glab hub aws gcloud
    az doctl heroku fly vercel netlify kubectl helm mosh nmap tcpdump openssl rclone s3cmd mail
    sendmail yt-dlp youtube-dl websocat grpcurl psql mysql redis-cli mongosh
"""
_PACKAGE = """
    apt apt-get aptitude dpkg yum dnf rpm zypper pacman apk emerge brew port snap flatpak nix-env
    pip pipx uv poetry pdm hatch conda mamba npm npx yarn pnpm bun bunx gem bundle bundler cargo
    rustup go composer nuget dotnet mvn gradle sbt cabal stack opam mix hex luarocks cpan cpanm
    easy_install corepack nvm asdf mise vcpkg conan pod swift julia
"""
_PROCESS = "killall pkill skill bg fg disown renice xkill fuser prlimit"
_SYSTEM = """
    su mount umount systemctl service useradd userdel usermod groupadd groupdel groupmod passwd
    chpasswd adduser deluser crontab at batch reboot shutdown halt poweroff init telinit modprobe
    insmod rmmod sysctl iptables ip6tables nft ufw firewall-cmd ip ifconfig route hostnamectl
    timedatectl localectl loginctl swapon swapoff losetup docker podman buildah nerdctl lxc visudo
    update-alternatives ldconfig launchctl defaults setenforce auditctl kexec grub-install
    update-grub journalctl chsh chfn setcap quotacheck mdadm lvcreate nsenter tc bpftool
"""
_UNKNOWN = """
    make gmake cmake ninja meson just task rake ant bazel tsc eslint prettier ruff mypy pytest tox
    nox gdb lldb valgrind strace ltrace perf screen tmux expect m4 gcc cc clang g++ rustc javac
    systemd-run ssh-agent ssh-add parallel entr watchexec alias hash enable shopt complete bind
    fc history mapfile readarray getopts let logout suspend caller compgen typescript
    rbash ssh-keygen gpg op pass latex pdflatex pandoc ffmpeg convert magick dc sdiff msort
"""

_OF_CONTAINERS = Lists(
    "aflnqst",
    (
        *("all", "filter", "format", "last", "latest", "no-trunc", "quiet", "size", "follow"),
        *("since", "tail", "timestamps", "until", "details", "type", "digests", "no-stream"),
    ),
    None,
    "system",
)
_READING_SUBCOMMANDS: dict[str, Rule] = {
    "pip": Subcommands(
        _each(
            "list show freeze check", Lists("fv", ("format", "files", "verbose", "local"), None)
        ),
        Is("package"),
    ),
    "npm": Subcommands(
        _each("ls list", Lists("", ("depth", "all", "json", "long"), None)), Is("package")
    ),
    "dpkg": Lists("lLsS", ("list", "listfiles", "status", "search"), None, "package"),
    "apt-cache": Subcommands(
        _each("search show policy depends", Lists("", (), None)), Is("package")
    ),
    "brew": Subcommands(_each("list", Lists("1", (), None)), Is("package")),
    "cargo": Subcommands({}, Is("package")),
    "go": Subcommands({"version": Lists("mv", (), 1, "package")}, Is("package")),
    **_each(
        "docker podman",
        Subcommands(
            _each("ps images inspect logs version top port diff stats history", _OF_CONTAINERS),
            Is("system"),
        ),
    ),
    "systemctl": Subcommands(
        _each(
            "status show is-active is-enabled is-failed list-units cat",
            Reads("HM", ("host", "machine")),
        ),
        Is("system", "warn", "changes what runs on the machine"),
    ),
    "ip": Subcommands({}, Is("system")),
}

_SUDO = Wraps(
    flags="nEHSkKbBP",
    valued="ugpCrtTD",
    named_flags=("non-interactive", "preserve-env", "set-home", "stdin", "background"),
    named_values=("user", "group", "chdir", "prompt"),
    assigns=True,
    enters=("-D", "--chdir"),
    verdict="warn",
    reason="runs with the rights of another user",
    alone="system",
)
_PLAIN = Wraps()
_WRAPPERS: dict[str, Rule] = {
    "sudo": _SUDO,
    "doas": Wraps("n", "uC", verdict="warn", reason=_SUDO.reason, alone="system"),
    "env": Wraps(
        "i0v-",
        "uC",
        ("ignore-environment", "null", "debug"),
        ("unset", "chdir"),
        enters=("-C", "--chdir"),
        assigns=True,
        alone="read_only",
    ),
    "nohup": Wraps(intent="write"),
    "time": Wraps(
        "pavq", "f", ("portability", "verbose", "quiet"), ("format",), alone="read_only"
    ),
    "timeout": Wraps("v", "sk", ("foreground", "preserve-status"), ("signal", "kill-after"), 1),
    "nice": Wraps("0123456789", "n", (), ("adjustment",), alone="read_only"),
    "ionice": Wraps("t", "cn", ("ignore",), ("class", "classdata")),
    "stdbuf": Wraps("", "ioe", (), ("input", "output", "error")),
    "chrt": Wraps("bfior", "", operands=1, may_lack=True, intent="process"),
    "taskset": Wraps("c", "", operands=1),
    "setsid": Wraps("cfw", intent="process"),
    "command": Subcommands(_each("-v -V", Reads()), Wraps("p")),
    "exec": Wraps("cl", "a", alone="read_only"),
    "!": _PLAIN,
    "coproc": Wraps(intent="unknown"),
    "flock": Wraps("exsnuF", "wE", ("exclusive", "shared"), ("timeout",), 1, intent="write"),
    "chroot": Wraps("", "", (), ("userspec", "groups"), 1, intent="system", alone="system"),
    "setarch": Wraps("R", operands=1, may_lack=True),
    "pkexec": Wraps(intent="system", verdict="warn", reason=_SUDO.reason),
    "unshare": Wraps("muinpUCTrcf", intent="system", alone="system"),
    **_each("builtin busybox toybox linux32 linux64 caffeinate unbuffer catchsegv", _PLAIN),
    "rlwrap": Wraps(intent="write"),
    "xargs": Xargs(
        Wraps(
            "0rtpxo",
            "InPLsdaE",
            ("null", "no-run-if-empty", "verbose", "interactive", "max-lines"),
            ("max-args", "max-procs", "delimiter", "arg-file"),
            alone="read_only",
        )
    ),
    "eval": Evaluates(),
    "watch": Evaluates("process", Wraps("bcdegptx", "n", ("color", "differences"), ("interval",))),
    "alias": Alias(),
    "trap": Trap(),
    "su": Code("c", "command", "system"),
    "runuser": Code("c", "command", "system"),
    "script": Code("c", "command", "write"),
    "fish": Code("c", "command", runs_words=False),
    "rsync": Mirrors(),
    **_each("sh bash dash zsh ksh mksh ash rbash", Shell()),
    **_each("source .", Sources()),
    **_each("python pypy deno", Interprets(("--version", "-V"))),
    **_each("perl ruby node nodejs php lua luajit", Interprets(("--version", "-v"))),
    **_each(
        """
        pwsh Rscript ghci irb java guile racket elixir ts-node groovy scala swipl julia
        """,
        Interprets(),
    ),
    **_each("tclsh osascript erl escript", Interprets(())),
}


def _is(names: str, intent: Intent) -> dict[str, Rule]:
    return _each(names, Is(intent))


_KNOWN: dict[str, Rule] = {
    **_is(_UNKNOWN, "unknown"),
    **_is(_SYSTEM, "system"),
    **_is(_PROCESS, "process"),
    **_is(_PACKAGE, "package"),
    **_is(_NETWORK, "network"),
    **_each(
        "reboot shutdown halt poweroff init telinit kexec crontab visudo",
        Is("system", "warn", "changes what runs on the machine"),
    ),
    "kill": Kill(),
    **_READERS,
    **_CHANGERS,
    **_WRAPPERS,
    **_READING_SUBCOMMANDS,
}
SAYS_ITS_VERSION = frozenset(_KNOWN) - names_of(
    """
    eval exec source . command builtin coproc trap if : time tclsh osascript erl escript expect
    tmux mail sendmail batch at telnet ftp
    """
)
"""Programs of which `--version` and `--help` do nothing else."""

_TRUSTED = re.compile(r"(?:/usr(?:/local)?|/opt/homebrew)?/s?bin/([^/]+)")
_FAMILIES = re.compile(r"(mkfs)\..*|(python|pip|perl|ruby|lua|php|node|pypy|go)[0-9.]+")


def program_name(shown: str) -> tuple[str, bool]:
    """The plain name of a program, and whether this name surely is the program that is meant."""
    match = _TRUSTED.fullmatch(shown)
    if match:
        return match.group(1), True
    if "/" in shown:
        return shown.rpartition("/")[2], False
    return shown, True


def rule_of(name: str) -> Rule | None:
    """What is known of a program."""
    rule = _KNOWN.get(name)
    if rule is None and (match := _FAMILIES.fullmatch(name)):
        rule = _KNOWN.get(match.group(1) or match.group(2))
    return rule
