"""The text of supervisord.conf."""

from __future__ import annotations

import os
from collections.abc import Sequence

from local.layout import ROOT, Layout
from local.programs import Program

# Every process that the manager starts carries this variable with the machine's folder as its value; thus a stop finds them all.
MARK = "ESTATE_MANAGED"


def configuration(machine: Layout, programs: Sequence[Program]) -> str:
    """The configuration that knows `programs` and starts none of them by itself; services stop before the stores they use."""
    text = f"""\
[supervisord]
logfile={_escaped(machine["logs"] / "supervisord.log")}
pidfile={_escaped(machine.folder / "supervisord.pid")}
directory={_escaped(ROOT)}
{"user=root" if os.geteuid() == 0 else ""}

[unix_http_server]
file={_escaped(machine.socket)}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""
    for priority, group in enumerate(("stores", "services")):
        members = [program for program in programs if program.group == group]
        text += "".join(_section(machine, program) for program in members)
        if members:
            text += f"\n[group:{group}]\nprograms={','.join(program.name for program in members)}\npriority={priority}\n"
    return text


def _section(machine: Layout, program: Program) -> str:
    variables = {**program.variables, MARK: str(machine.folder)}
    if wrong := [name for name, value in variables.items() if "'" in value]:
        raise ValueError(f"supervisor cannot carry a single quote in {', '.join(wrong)}")
    return f"""
[program:{program.name}]
command={" ".join(_quoted(word) for word in program.command)}
directory={"/" if program.user else _escaped(ROOT)}
{f"user={program.user}" if program.user else ""}
environment={",".join(f"{name}='{_escaped(value)}'" for name, value in variables.items())}
autostart=false
autorestart=true
startsecs=1
stopsignal={program.stop_signal}
stopwaitsecs=10
stopasgroup={"false" if program.stop_signal == "INT" else "true"}
killasgroup=true
redirect_stderr=true
stdout_logfile={_escaped(machine["logs"] / program.name)}.log
stdout_logfile_maxbytes=20MB
stdout_logfile_backups=1
"""


def _quoted(word: str) -> str:
    return '"' + _escaped(word).replace('"', '\\"') + '"'


def _escaped(value: object) -> str:
    return str(value).replace("%", "%%")
